"""The phrases that people's wordings are made of: a grammar in which `{slot}` stands for any phrase of that slot.

A phrase that is listed twice is drawn twice as often. What is a structure's name, and what is not, was decided so: the
wall of the left ventricle is the myocardium, the septum alone is nothing that is drawn, nor are a ventricle, an atrium
or a wall of no side, parts and diseases of a structure, and two structures at once.
"""

from __future__ import annotations

from types import MappingProxyType

from synthboost.domain import Structure

NAMES = MappingProxyType(
    {
        Structure.LEFT_VENTRICULAR_CAVITY: "{lv}",
        Structure.MYOCARDIUM: "{myo}",
        Structure.LEFT_ATRIUM_CAVITY: "{la}",
        None: "{other}",
    }
)
"""The slot that names each structure, or something else."""

ABBREVIATIONS = MappingProxyType(
    {
        "LV": "left ventricle", "LVC": "left ventricular cavity", "MYO": "myocardium", "LA": "left atrium",
        "RV": "right ventricle", "RA": "right atrium", "MV": "mitral valve", "AV": "aortic valve",
        "TV": "tricuspid valve", "PV": "pulmonary valve", "IVS": "interventricular septum",
        "LVOT": "left ventricular outflow tract", "LAA": "left atrial appendage", "LAD": "left coronary artery",
        "EF": "ejection fraction", "LVEF": "left ventricular ejection fraction", "ED": "end of diastole",
        "ES": "end of systole",
    }
)  # fmt: skip
"""Abbreviation -> what it stands for, for text encoders that read words."""

_LV = (
    *("left ventricle", "LV", "left ventricular {space}", "LV {space}", "{space} of the left ventricle") * 2, "L.V.",
    "left ventricle {space}", "left ventricle's {space}", "{space} of the LV", "left ventricular {space} {area}",
    "LV {space} {area}", "left ventricular {area}", "left ventricle {area}", "LV {area}", "LVC", "left-sided ventricle",
    "left ventricular {product}", "left ventricular endocardium {area}", "LV endocardium {area}", "lower left chamber",
    "lower left chamber", "main pumping chamber", "left lower heart chamber", "chamber that fills the aorta",
    "chamber that supplies the body with blood", "cavity inside the {myo}", "ventricle on the left",
    "ventriculus sinister", "linker Ventrikel", "linke Herzkammer", "ventricule gauche", "ventrículo izquierdo",
)  # fmt: skip
_MYO = (
    *("myocardium", "MYO", "heart muscle", "LV {wall}", "left ventricular {wall}", "{wall} of the left ventricle") * 2,
    "left ventricle {wall}", "left ventricle's {wall}", "{wall} of the LV", "{wall} around the {lv}",
    "cardiac {muscle}", "{muscle} of the heart", "heart {wall}", "ventricular {wall}", "myocardial {tissue}",
    "myocardial {tissue} {area}", "myocardium {area}", "MYO {area}", "myocard", "LV MYO", "myocardial {product}",
    "muscle that squeezes the blood out of the {lv}", "layer around the {lv}", "beating muscle", "LV {wall} {area}",
    "Herzmuskel", "Myokard", "myocarde", "muscle cardiaque", "miocardio",
)  # fmt: skip
_LA = (
    *("left atrium", "LA", "left atrial {space}", "LA {space}", "{space} of the left atrium") * 2, "left atrium", "LA",
    "L.A.", "left atrium {space}", "left atrium's {space}", "{space} of the LA", "left atrial {space} {area}",
    "LA {space} {area}", "left atrial {area}", "left atrial {product}", "left atrium {area}", "LA {area}",
    "left-sided atrium", "upper left chamber", "upper left chamber", "atrium on the left", "left upper heart chamber",
    "chamber that gets blood from the pulmonary veins", "chamber above the left ventricle", "atrium sinistrum",
    "linker Vorhof", "oreillette gauche", "aurícula izquierda",
)  # fmt: skip
_RIGHT = (
    *("right ventricle", "RV", "right ventricular {space}", "RV {space}", "{space} of the right ventricle") * 2,
    *("right atrium", "RA", "right atrial {space}", "RA {space}", "{space} of the right atrium") * 2, "R.V.", "R.A.",
    "right ventricle {space}", "right atrium {space}", "{space} of the RV", "{space} of the RA",
    "right ventricular {area}", "right atrial {area}", "RV {area}", "RA {area}", "right ventricular {wall}",
    "RV {wall}", "{wall} of the right ventricle", "{wall} of the right atrium", "right ventricle's {wall}",
    "upper right chamber", "right lower heart chamber", "right upper heart chamber",
    "chamber that pumps blood to the lungs", "chamber that gets blood from the body",
    "layer around the right ventricle", "lower right chamber", "ventricle on the right", "atrium on the right",
    "rechter Ventrikel", "rechter Vorhof", "ventricule droit", "oreillette droite", "ventrículo derecho", "right side",
    "right {organ}",
)  # fmt: skip
_ANATOMY = (
    *("{valve} valve", "{valve} valve {area}", "{valve} valve leaflet", "{septum}", "aorta", "pericardium") * 2, "MV",
    "AV", "TV", "PV", "IVS", "LVOT", "LAA", "LAD", "LVEF", "leaflet of the {valve} valve", "{valve} stenosis",
    "ascending aorta", "aortic arch", "aortic {wall}", "papillary muscle", "papillary muscles", "epicardial fat",
    "left atrial appendage", "appendage of the left atrium", "pulmonary vein", "pulmonary veins", "vena cava",
    "left ventricular outflow tract", "whole heart", "heart", "left side of the heart", "left heart", "cardiac apex",
    "both ventricles", "both atria", "ventricles", "atria", "ventricle", "atrium", "all four chambers", "chambers",
    "coronary artery", "coronary arteries", "left coronary artery", "circumflex artery", "atrial {wall}",
    "left atrial {wall}", "{wall} of the left atrium", "left bundle branch block", "left ventricular hypertrophy",
    "left ventricular thrombus", "left ventricular {word}", "left atrial {word}", "atrial {word}", "ventricular {word}",
    "{valve} {word}", "left ventricular ejection fraction", "ejection fraction", "atrial fibrillation",
    "myocardial infarction", "myocarditis", "cardiomyopathy", "pericarditis", "heart failure", "heart rate",
    "blood pressure", "cardiac output", "Mitralklappe", "valve mitrale", "válvula mitral",
)  # fmt: skip
_BODY = (
    *("{organ}", "{organ}", "{organ} {lining}", "{lining} of the {organ}", "{space} of the {organ}", "left {organ}"),
    "{limb}", "left {limb}", "right {limb}", "muscle of the {limb}", "{limb} muscle", "{lesion}",
    "{lesion} of the {organ}", "{lesion} in the {organ}", "{organ} {lesion}", "left upper lobe", "abdominal {lining}",
    "chest wall", "{word} {lining}", "{word} {space}", "diaphragm", "blood", "blood vessel", "carotid artery",
    "spinal cord", "smooth muscle",
)  # fmt: skip
_THING = (
    "{thing}", "{colour} {thing}", "{thing} and {thing}", "photo of a {thing}", "{thing} in the {thing}", "{thing}s",
    "left {thing}", "{number} {thing}s", "wall of the {thing}", "inside of the {thing}",
)  # fmt: skip

GRAMMAR = MappingProxyType(
    {
        "lv": _LV,
        "myo": _MYO,
        "la": _LA,
        "other": ("{right}", "{right}", "{anatomy}", "{anatomy}", "{body}", "{thingy}", "{several}", "{negated}"),
        "right": _RIGHT,
        "anatomy": _ANATOMY,
        "body": _BODY,
        "thingy": _THING,
        "structure": ("{lv}", "{myo}", "{la}"),
        "several": (
            "{lv} and the {myo}", "{lv} and {la}", "{myo} and {la}", "{la} and the {lv}", "{lv} or {myo}",
            "{la} or the {myo}", "{lv}, {myo} and {la}", "{lv}, {la}", "{lv} {word} {la}",
            "{lv} {word} {word} the {la}", "{myo} {word} {lv}", "{la} {word} the {myo}", "{lv} & {la}", "{la}/{lv}",
            "{lv} plus {la}", "{lv} together with the {la}", "both {lv} and {myo}", "{la} with the {myo}",
            "{lv} and the {right}", "{la} and the {anatomy}",
        ),
        "negated": (
            "everything but the {structure}", "all but the {structure}", "anything except the {structure}",
            "everything except the {structure}", "image without the {structure}", "anything but the {structure}",
            "skip the {structure}", "disregard the {structure}", "delete the {structure}", "drop the {structure}",
            "I do not want the {structure}", "nothing of the {structure}", "all parts except the {structure}",
            "never {ask} the {structure}", "hide the {structure}", "omit the {structure}", "leave out the {structure}",
            "exclude the {structure}", "remove the {structure}",
        ),
        "space": ("cavity", "cavity", "chamber", "lumen", "blood pool", "interior", "inside", "space", "volume"),
        "area": ("area", "region", "part", "border", "boundary", "shape", "structure"),
        "wall": ("wall", "wall", "muscle", "myocardium", "muscle tissue", "muscular wall", "muscle wall"),
        "muscle": ("muscle", "muscle", "muscle tissue", "muscles", "musculature"),
        "lining": ("wall", "wall", "muscle", "muscular wall", "surface"),
        "tissue": ("wall", "muscle", "tissue", "layer"),
        "valve": ("mitral", "mitral", "aortic", "aortic", "tricuspid", "pulmonary", "bicuspid", "heart"),
        "septum": ("septum", "interventricular septum", "interatrial septum", "ventricular septum", "atrial septum"),
        "organ": (
            "liver", "kidney", "lung", "brain", "stomach", "pancreas", "thyroid", "prostate", "uterus", "eye", "bowel",
            "ear", "breast", "skin", "throat", "colon", "esophagus", "trachea", "adrenal gland", "lymph node", "ovary",
        ),
        "limb": (
            "arm", "leg", "shoulder", "hand", "calf", "tongue", "pelvic floor", "back", "neck", "foot", "knee",
            "finger", "spine", "rib", "skull", "jaw", "bone",
        ),
        "lesion": ("tumour", "cyst", "polyp", "nodule", "fracture", "lesion", "stone", "cancer", "bleeding", "scar"),
        "thing": (
            "dog", "cat", "car", "house", "tree", "street", "bird", "horse", "boat", "chair", "table", "window", "man",
            "woman", "child", "ball", "river", "mountain", "cloud", "flower", "plane", "train", "book", "phone",
            "apple", "cup", "wall", "door", "road", "bridge", "shoe", "hat", "lamp", "computer", "cake", "fish", "cow",
            "truck", "bottle", "garden", "sky", "letter", "picture", "background", "text", "probe", "needle", "line",
            "noise",
        ),
        "colour": ("red", "green", "blue", "black", "white", "small", "big", "old", "new", "bright", "dark"),
        "number": ("two", "three", "four", "five", "ten", "12", "3", "many", "some", "no"),
        # Sentences around a name, which `{it}` stands for.
        "around": (
            *("{it}",) * 6, *("{it}", "the {it}", "{it} {where}", "{it}, {where}", "{ask} the {it}", "{ask} {it}") * 2,
            "{ask} the {it} {where}", "{ask} {it} {where}", "please {ask} the {it}", "{ask} the {it}, please",
            "{could} {ask} the {it}?", "{could} {ask} the {it} {where}?", "I want {it}", "I want to see the {it}",
            "where is the {it}?", "where is {it} {where}", "where can I find the {it}?", "which part is the {it}?",
            "{product} of the {it}", "{product} of {it} {where}", "{product} for the {it}", "{it} {product}",
            "{it} {product} {where}", "{where}: {it}", "{where}, {ask} the {it}", "the {it} as seen {where}",
            "this is the {it}", "what about the {it}?", "{ask} the {it} in {colour}", "do you know the {it}? {ask} it",
            "{it}: {ask} it", "the {it}, {ask} it {where}", "{word} {word} the {it}. {ask} it", "{ask} this: {it}",
            "the {area} of the {it}", "{it} in {colour} {where}",
            *("{word} the {it}", "{word} {it}", "{it} {word}", "{word} {word} the {it} {word}") * 2,
            "the {it} {word} {word}", "the {word} {it}", "{word} {word} {it} {where}", "{word} the {it} {where}",
            "{it} {word} {word} {word}", "{ask} the {it} {word}", "{word} {word} {word} {it}",
            "{it}, {word} and {word}", "the {thing} and the {colour} {thing} {word} the {it}", "now the {it}",
            "{it} please", "my {it}", "a {it}", "{it}?", "{greeting}, {ask} the {it}",
            "everything that belongs to the {it}", "{it} {number}", "{quality}, {it}",
        ),
        "ask": (
            "segment", "segment", "outline", "show", "show me", "draw", "find", "mark", "delineate", "label", "locate",
            "identify", "extract", "detect", "give me", "predict", "display", "visualise", "circle", "select", "crop",
            "cut out", "map", "point at", "look for", "mask", "separate",
        ),
        "could": ("can you", "could you", "could you please", "would you", "I would like you to", "you should"),
        "product": ("mask", "outline", "segmentation", "drawing", "label", "delineation", "position", "image"),
        "where": ("{place}", "{place}", "{place} {place}", "{place}, {place}", "{place} {place} {place}"),
        "place": ("{view}", "{view}", "{phase}", "{phase}", "{source}", "{source}", "{person}", "{quality}"),
        "view": (
            "in two-chamber view", "in four-chamber view", "in this 4-chamber view", "in this 2-chamber view", "A4C",
            "A2C", "4CH", "2CH", "in the apical four-chamber view", "in the apical two-chamber view",
            "apical 4 chamber", "apical view", "in the two chamber view", "four chamber", "from the apex", "2-chamber",
            "4 chamber view",
        ),
        "phase": (
            "at end of the systole cycle", "at end of the diastole cycle", "at end systole", "at end diastole", "ED",
            "ES", "at the end of systole", "at the end of diastole", "in diastole", "in systole", "end-diastolic",
            "end-systolic frame", "end-diastolic frame", "when the heart is full", "when the heart contracts",
        ),
        "source": (
            "of the heart", "in the cardiac ultrasound", "in this echocardiogram", "on the echo", "in the image",
            "in a simulated image", "in a real image", "in a diffusion image", "on this ultrasound", "in this frame",
            "in the picture", "on the screen", "in this video", "in the ultrasound image", "in the heart", "here",
        ),
        "person": (
            "of a female", "of a male", "of a {age}-year-old female", "of a {age}-year-old male", "of a man",
            "of a woman", "of this patient", "of a {age} year old patient", "aged {age}", "in a {age}-year-old woman",
            "in a patient of {age} years",
        ),
        "quality": (
            "with good image quality", "with medium image quality", "with poor image quality", "good image",
            "poor quality", "in a noisy image",
        ),
        "age": tuple(str(age) for age in range(18, 100)),
        # Sentences without a name.
        "nothing": (
            *("{where}", "{where}", "{greeting}", "{talk}", "{talk}", "not the {structure}", "no {structure}"),
            "{ask} everything", "{ask} nothing", "{ask} something {where}", "{ask} {where}", "{product} {where}",
            "{could} help me?", "{view}, {phase}, {person}", "{letters}", "{letters}", "{letters} {letters}",
            "left {letters}", "{ask} the {letters}", "{word}", "{word} {word}", "{word} {word} {word}", "the {word}",
            "{ask} the {word}", "{ask} {word} {where}", "{word} {where}", "left {word}", "left", "left side", "{ask}",
            "not {structure}", "do not {ask} the {structure}", "without the {structure}", "{word} of the {word}",
        ),
        "greeting": ("hello", "hi", "hi there", "good evening", "dear model", "hey", "thanks", "test", "help", "ok"),
        "talk": (
            "what is this?", "what is that?", "is the heart normal?", "how old is the patient?", "who are you?",
            "what do you see {where}?", "what can you do?", "what is wrong {where}?", "why is it so dark?", "none",
            "is this a man or a woman?", "I do not know", "tell me a story", "does the patient have {anatomy}?",
            "how large is it?", "the patient has chest pain", "does it move?", "turn the image around", "the weather",
            "how does a {thing} work?", "I like my {thing}", "what time is it?", "make the {thing} {colour}", "yes",
            "the {thing} is on the {thing}", "where did the {thing} go?", "it was a {colour} {thing}", "nothing",
            "my {limb} hurts", "is there a {lesion}?", "how many {thing}s are there?", "we went to the {thing}",
        ),
    }
)  # fmt: skip
"""Slot -> its phrases. `{letters}` and `{word}`, random letters and syllables, are drawn by `wordings`."""

SYLLABLES = (
    "an", "ar", "ba", "bel", "ca", "cor", "de", "dor", "el", "en", "fa", "fer", "ga", "gi", "ha", "in", "ka", "ki",
    "lo", "lu", "ma", "mer", "mo", "na", "nor", "on", "or", "pa", "pel", "per", "qui", "ra", "ri", "ro", "sa", "sol",
    "ta", "ter", "ti", "to", "tra", "tu", "ul", "um", "us", "va", "ven", "ver", "vi", "xi", "yo", "za", "ing", "tion",
    "ment", "er", "ly", "al", "ic", "sh", "ch", "th", "st", "pr", "gr",
)  # fmt: skip

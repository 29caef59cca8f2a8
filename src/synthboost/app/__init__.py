"""The web page: an image and sentences in the browser, masks over the image; nothing leaves the machine."""

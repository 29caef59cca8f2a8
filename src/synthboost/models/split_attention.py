"""Multi-head attention as two linear layers, for as long as it has low-rank adapters.

torch's module keeps the matrices of query, key and value as a bare parameter. peft wraps it whole, merges its update
before every forward pass and takes it out afterwards; release 0.21 adds that of the output matrix twice
(huggingface/peft, pull request 3774), and what is rounded on the way changes the frozen weights.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class SplitAttention(nn.Module):
    """Self-attention with the very parameters of a `nn.MultiheadAttention`, which it remembers."""

    def __init__(self, whole: nn.MultiheadAttention) -> None:
        super().__init__()
        assert whole.batch_first
        assert not whole.dropout
        vars(self)["whole"] = whole  # not as a part: its parameters would have two names
        self.heads = whole.num_heads
        self.in_proj = nn.Linear(whole.embed_dim, 3 * whole.embed_dim, device="meta")
        self.in_proj.weight, self.in_proj.bias = whole.in_proj_weight, whole.in_proj_bias
        self.out_proj = whole.out_proj

    def forward(
        self, query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor, is_causal: bool, need_weights: bool
    ) -> tuple[Tensor, None]:
        """Turn (M, L, width) into (M, L, width); called as the text encoder calls the original.

        Args:
            query: the words; key and value are the same.
            key: see above.
            value: see above.
            attn_mask: unread, `is_causal` says it.
            is_causal: must be true: a word sees itself and what stands before it.
            need_weights: must be false.
        """
        assert query is key is value
        assert is_causal
        assert not need_weights
        q, k, v = self.in_proj(query).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out_proj(attended.transpose(1, 2).flatten(2)), None


def split_attention(module: nn.Module) -> None:
    """Replace every attention below `module`, in place; the parameters stay the same objects."""
    for parent in list(module.modules()):
        for name, part in list(parent.named_children()):
            if isinstance(part, nn.MultiheadAttention):
                setattr(parent, name, SplitAttention(part))


def join_attention(module: nn.Module) -> None:
    """Put the original attentions back, with whatever was merged into their parameters."""
    for parent in list(module.modules()):
        for name, part in list(parent.named_children()):
            if isinstance(part, SplitAttention):
                setattr(parent, name, part.whole)

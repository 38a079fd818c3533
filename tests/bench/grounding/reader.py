"""The packaged encoder as a reader of pairs, for training: small additions to its last layers, in torch.

What is trained is what `knowledge.pair_reader` adds: low-rank changes of the matrices (Hu et al., "LoRA", 2021), an
embedding of each mark, how much each head looks at words that belong together, and two heads: is this word wrong, is the
claim supported. The rest stays as it ships.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import nn

from agent.grounding.marks import FLAGS
from knowledge.pair_input import PairInput
from knowledge.pair_reader import FROZEN, HEADS, LAYERS, SCALE, folder

RANK = 16
HIDDEN = 64
WIDTH = 384


class Changed(torch.autograd.Function):
    """`x (w + s b a)' + bias`, without the gradient of w."""

    @staticmethod
    def forward(ctx: Any, x: Any, w: Any, bias: Any, a: Any, b: Any) -> Any:
        whole = torch.addmm(w, b, a, alpha=SCALE)
        ctx.save_for_backward(x, whole, a, b)
        return F.linear(x, whole, bias)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        (grad,) = grads
        x, whole, a, b = ctx.saved_tensors
        x2, g2 = x.reshape(-1, x.shape[-1]), grad.reshape(-1, grad.shape[-1])
        return (g2 @ whole).view(x.shape), None, None, SCALE * ((g2 @ b).T @ x2), SCALE * (g2.T @ (x2 @ a.T))


class Dense(nn.Module):
    def __init__(self, base: dict[str, torch.Tensor], name: str, changes: bool) -> None:
        super().__init__()
        self.register_buffer("w", base[f"{name}.weight"].float(), persistent=False)
        self.register_buffer("bias", base[f"{name}.bias"].float(), persistent=False)
        self.changes = changes
        if changes:
            self.a = nn.Parameter(torch.randn(RANK, self.w.shape[1]) / math.sqrt(self.w.shape[1]))
            self.b = nn.Parameter(torch.zeros(self.w.shape[0], RANK))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return Changed.apply(x, self.w, self.bias, self.a, self.b) if self.changes else F.linear(x, self.w, self.bias)


class Norm(nn.Module):
    def __init__(self, base: dict[str, torch.Tensor], name: str, trained: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(base[f"{name}.weight"].float().clone(), requires_grad=trained)
        self.bias = nn.Parameter(base[f"{name}.bias"].float().clone(), requires_grad=trained)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.layer_norm(x, (x.shape[-1],), self.weight, self.bias, 1e-12)


class Layer(nn.Module):
    def __init__(self, base: dict[str, torch.Tensor], name: str, changes: bool) -> None:
        super().__init__()
        self.q, self.k, self.v, self.o = (
            Dense(base, f"{name}attention.{part}", changes) for part in ("self.query", "self.key", "self.value", "output.dense")
        )
        self.wide, self.narrow = (Dense(base, f"{name}{part}.dense", changes) for part in ("intermediate", "output"))
        self.norm_1, self.norm_2 = (Norm(base, f"{name}{part}.LayerNorm", changes) for part in ("attention.output", "output"))
        if changes:
            look = torch.zeros(2, HEADS)
            look[0, :4] = look[1, 4:8] = 1.5
            self.look = nn.Parameter(look)

    def forward(self, x: torch.Tensor, mask: torch.Tensor, pairs: torch.Tensor | None) -> torch.Tensor:
        n, t, width = x.shape

        def heads(part: torch.Tensor) -> torch.Tensor:
            return part.view(n, t, HEADS, width // HEADS).transpose(1, 2)

        if pairs is not None:
            mask = mask + torch.einsum("nptu,ph->nhtu", pairs, self.look)
        seen = F.scaled_dot_product_attention(heads(self.q(x)), heads(self.k(x)), heads(self.v(x)), attn_mask=mask)
        x = self.norm_1(x + self.o(seen.transpose(1, 2).reshape(n, t, width)))
        return self.norm_2(x + self.narrow(F.gelu(self.wide(x))))


class Reader(nn.Module):
    """`forward` gives for each piece a logit that its word is wrong, and for each pair a logit that it is supported."""

    def __init__(self) -> None:
        super().__init__()
        base = {name.removeprefix("bert."): value for name, value in load_file(str(folder() / "model.safetensors")).items()}
        for name in ("word", "position", "token_type"):
            self.register_buffer(name, base[f"embeddings.{name}_embeddings.weight"].float(), persistent=False)
        self.norm = Norm(base, "embeddings.LayerNorm", False)
        self.layers = nn.ModuleList(Layer(base, f"encoder.layer.{n}.", n >= FROZEN) for n in range(LAYERS))
        self.flag = nn.Parameter(torch.randn(FLAGS, WIDTH) * 0.01)
        self.wrong = nn.Linear(WIDTH, 1)
        self.first, self.last = nn.Linear(2 * WIDTH, HIDDEN), nn.Linear(HIDDEN, 1)
        self.mix = nn.Parameter(torch.tensor([0.5, 0.0]))
        self.drop = nn.Dropout(0.1)

    @torch.no_grad()
    def lower(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """What the layers that stay as they are make of the words; may be kept."""
        x = self.word[batch["ids"]] + self.position[: batch["ids"].shape[1]] + self.token_type[batch["segments"]]
        x = self.norm(x)
        for layer in self.layers[:FROZEN]:
            x = layer(x, batch["mask"], None)
        return x

    def forward(self, batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        x = self.drop(batch["lower"] + self.flag[batch["flags"]])
        for layer in self.layers[FROZEN:]:
            x = layer(x, batch["mask"], batch["pairs"])
        x = self.drop(x)
        wrong, mine = self.wrong(x)[..., 0], batch["words"] >= 0
        worst = torch.logsumexp(2 * wrong.masked_fill(~mine, -30.0), 1) / 2
        pooled = x.masked_fill(~mine[..., None], -1e4).amax(1)
        told = self.last(self.drop(F.gelu(self.first(torch.cat([x[:, 0], pooled], 1)))))[:, 0]
        return wrong, told - self.mix[0] * worst + self.mix[1]

    def additions(self) -> dict[str, np.ndarray]:
        """What has to ship."""
        return {name: p.detach().numpy().astype(np.float16) for name, p in self.named_parameters() if p.requires_grad}


def batch_of(inputs: Sequence[PairInput]) -> dict[str, torch.Tensor]:
    """Inputs as long as the longest of them."""
    n, t = len(inputs), max(len(one.ids) for one in inputs)
    found = {name: torch.zeros(n, t, dtype=torch.long) for name in ("ids", "segments", "flags")}
    found["words"] = torch.full((n, t), -1)
    found["mask"] = torch.full((n, 1, 1, t), -1e4)
    found["pairs"] = torch.zeros(n, 2, t, t)
    for i, one in enumerate(inputs):
        size = len(one.ids)
        for name in ("ids", "segments", "flags", "words"):
            found[name][i, :size] = torch.from_numpy(getattr(one, name))
        found["mask"][i, :, :, :size] = 0
        found["pairs"][i, :, :size, :size] = torch.from_numpy(one.likeness())
    return found

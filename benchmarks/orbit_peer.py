"""An orbit as plainer sharing makes it: the reference is the first image of every batch."""

from __future__ import annotations

from operator import itemgetter

import numpy as np
import torch
from diffusers.models.attention_processor import Attention
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from mirage.config import ViewsConfig
from mirage.core.contracts import ByteArray, FloatArray, PoseCondition, PoseRing
from mirage.model.codec import PIXELS
from mirage.model.cross_frame import hard_attention
from mirage.model.denoiser import PoseDenoiser
from mirage.sampler.noise import image_key, reference_noise, view_noise
from mirage.sampler.reference import FixedNoise
from mirage.sampler.schedule import sigmas_of
from mirage.sampler.solve import SOLVERS
from mirage.sampler.targets import between_poses

REFERENCE_POSE = 0


class FirstFrameAttention:
    """The keys and values of the batch's first frame serve all of it.

    As diffusers' CrossFrameAttnProcessor2_0 (text-to-video zero) does, for the 4-D inputs of
    UNet2DModel. The hard branch is the views' only: the reference looks at itself as ever.
    """

    def __init__(self) -> None:
        self.hard = False

    def share(self, own: Tensor) -> Tensor:
        """Every frame's keys (or values) [B, heads, n, d] → those that it attends to."""
        return own[:1].expand_as(own)

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
    ) -> Tensor:
        """[B, C, H, W] → [B, C, H, W]; the last three are unused, but diffusers asks for them."""
        pixels = hidden_states.flatten(2)
        if attn.group_norm is not None:
            pixels = attn.group_norm(pixels)
        query, key, value = (
            project(pixels.transpose(1, 2)).unflatten(2, (attn.heads, -1)).transpose(1, 2)
            for project in (attn.to_q, attn.to_k, attn.to_v)
        )
        key, value = self.share(key), self.share(value)
        if self.hard:
            first = scaled_dot_product_attention(query[:1], key[:1], value[:1])
            rest = hard_attention(query[1:], key[1:], value[1:])
            attended = torch.cat([first, rest])
        else:
            attended = scaled_dot_product_attention(query, key, value)
        projected = attn.to_out[0](attended.transpose(1, 2).flatten(2)).transpose(1, 2)
        output: Tensor = projected.reshape(hidden_states.shape)
        if attn.residual_connection:
            output = output + hidden_states
        return output / attn.rescale_output_factor


class Peer:
    """An orbit whose reference is the first image of every batch.

    Args:
        together: views in a batch: 1 makes pairs.
        attention: whose keys and values the frames of a batch attend to.
    """

    def __init__(
        self,
        denoiser: PoseDenoiser,
        ring: PoseRing,
        config: ViewsConfig,
        together: int,
        attention: FirstFrameAttention,
    ) -> None:
        self.denoiser, self.ring, self.config = denoiser, ring, config
        self.together, self.attention = together, attention
        self.num_forwards = 0

    @torch.inference_mode()
    def sample(self, photo: ByteArray, azimuths: FloatArray, estimates: list[Tensor]) -> ByteArray:
        """[V, H, W, 3] frames; `estimates` takes the clean estimates of every step."""
        self.num_forwards = 0
        config, device = self.config, self.denoiser.embedding.pose.weight.device
        pixels = torch.from_numpy(np.array(photo))
        key, image = image_key(photo), PIXELS.load(pixels[None])
        shape = tuple(image.shape[1:])
        noise = view_noise(config.seed, key, azimuths.tolist(), shape).to(device)
        own = reference_noise(config.seed, key, shape)
        track = FixedNoise(image.to(device), own.to(device))
        sigmas = sigmas_of(config.sampler)
        # The reference's condition before those of the views.
        targets, first = between_poses(self.ring, azimuths), np.array([REFERENCE_POSE])
        own_azimuth = self.ring.azimuth[first].astype(float)
        reference = between_poses(self.ring, own_azimuth)
        condition = PoseCondition(
            *(
                torch.cat([getattr(c, name) for c in (reference, targets)]).to(device)
                for name in ("pose", "azimuth", "other", "share")
            )
        )
        unposed = condition.null()
        unposed.pose[0] = REFERENCE_POSE
        layers = [m for m in self.denoiser.unet.modules() if isinstance(m, Attention)]
        stock = [layer.processor for layer in layers]
        for layer in layers:
            layer.set_processor(self.attention)

        def branch(x: Tensor, sigma: float, told: PoseCondition, hard: bool = False) -> Tensor:
            self.attention.hard = hard
            reference, parts = track.at(sigma), []
            for views in torch.arange(len(x), device=device).split(self.together):
                batch = torch.cat([reference, x[views]])
                rows = torch.cat([views.new_zeros(1), views + 1])
                theirs = told.map(itemgetter(rows))
                parts.append(self.denoiser(batch, batch.new_full([len(batch)], sigma), theirs)[1:])
                self.num_forwards += len(batch)
            return torch.cat(parts)

        def guided(x: Tensor, sigma: float) -> Tensor:
            soft = branch(x, sigma, condition)
            towards_pose = soft - branch(x, sigma, unposed)
            towards_hard = branch(x, sigma, condition, hard=True) - soft
            guidance = config.guidance
            steered = soft + guidance.pose.weight * towards_pose
            return steered + guidance.hard.weight * towards_hard

        clean = SOLVERS[config.sampler.solver](
            guided, noise, sigmas, lambda step, sigma, clean: estimates.append(clean)
        )
        for layer, before in zip(layers, stock, strict=True):
            layer.set_processor(before)
        return PIXELS.show(clean).cpu().numpy()

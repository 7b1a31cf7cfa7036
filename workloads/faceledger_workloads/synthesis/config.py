"""What shape a StyleGAN2 has: the part of a checkpoint's metadata from which both networks can be built.

Field names are those of the published stylegan2-ada-pytorch, so a configuration read there can be written here.
Invariant: two equal configurations give state dicts with the same names and shapes.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

__all__ = ["Side", "StyleGAN2Config"]


def _power_of_two(resolution: int) -> int:
    if resolution & (resolution - 1):
        raise ValueError(f"img_resolution {resolution} is not a power of two")
    return resolution


Side = Annotated[int, AfterValidator(_power_of_two)]
"""Pixels of an image's side, for networks that double or halve it."""


class StyleGAN2Config(BaseModel):
    """Sizes of generator and discriminator; the defaults are the bundled 64 px model's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    z_dim: int = Field(default=128, ge=1, description="Length of a latent z.")
    w_dim: int = Field(default=128, ge=1, description="Length of a style w.")
    img_resolution: Side = Field(default=64, ge=8, le=1024, description="Height and width of an image, pixels.")
    img_channels: int = Field(default=3, ge=1, le=4, description="Colour channels of an image.")
    num_layers: int = Field(default=2, ge=1, le=16, description="Fully connected layers of the mapping network.")
    channel_base: int = Field(default=2048, ge=64, description="Channels at resolution r are channel_base // r ...")
    channel_max: int = Field(default=256, ge=8, description="... but never more than this.")
    conv_clamp: float | None = Field(default=None, gt=0, description="Clamp of activations; the fp16 releases use 256.")
    mbstd_group_size: int = Field(default=4, ge=1, description="Images whose deviation the discriminator sees at once.")

    @property
    def block_resolutions(self) -> tuple[int, ...]:
        """4, 8, ..., img_resolution."""
        return tuple(2**power for power in range(2, self.img_resolution.bit_length()))

    @property
    def num_ws(self) -> int:
        """Styles a face takes: two a block, less one in the first, plus one for the last image layer."""
        return 2 * len(self.block_resolutions)

    def channels(self, resolution: int) -> int:
        """Channels of the activations at `resolution`."""
        return min(self.channel_base // resolution, self.channel_max)

"""How faces are looked for, which photos are good enough to be enrolled, and which models a run used: the fields that
FaceDataset and RecognitionJob share."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from .base import AmountText, ApiModel, Decimal01
from .rules import Rule, cel

__all__ = ["EnrolmentGateSpec", "FaceSearchSpec", "ModelStatus"]


class FaceSearchSpec(ApiModel):
    model_config = ConfigDict(
        json_schema_extra=cel(
            (
                "self.landmarks != 'SixtyEightPoint' || self.acceptLicense",
                "search.landmarks: SixtyEightPoint was trained on non-commercial data; acceptLicense must be true",
            )
        )
    )

    detector: Literal["Auto", "Hog", "Mmod"] = Field(
        default="Auto",
        description="Hog: dlib's fast detector. Mmod: dlib's CNN. Auto: Mmod where a worker has a GPU, Hog elsewhere.",
    )
    faces: Literal["Largest", "Reject", "All"] = Field(
        default="Reject",
        description="A photo of several people: take the largest face, reject the photo, or take every face.",
    )
    rotations: bool = Field(
        default=True, description="Turn a photo by 90, 180 and 270 degrees where nothing is found upright."
    )
    landmarks: Literal["FivePoint", "SixtyEightPoint"] = Field(
        default="FivePoint",
        description="Points that results tell. SixtyEightPoint: its training data forbids commercial use.",
    )
    accept_license: bool = Field(default=False, description="The terms of the chosen landmark model are accepted.")


class EnrolmentGateSpec(ApiModel):
    mode: Literal["Enforce", "ReportOnly"] = Field(
        default="Enforce",
        description="Enforce: a photo with a fault is rejected. ReportOnly: the manifest tells its faults.",
    )
    min_eye_distance: AmountText = Field(
        default="12", description="Pixels of the photo between the eyes, at least; 0: any.", examples=["24"]
    )
    min_clarity: AmountText = Field(
        default="5",
        description="Variance of the Laplacian of the face, at least: some tens for a blurred face; 0: any.",
        examples=["30"],
    )
    max_roll: Annotated[
        AmountText, Rule("self.matches('[1-9]') && double(self) <= 180.0", "must be above 0 and at most 180")
    ] = Field(default="35", description="Degrees by which the line through the eyes may be tilted.", examples=["20"])
    max_turn: Annotated[AmountText, Rule("self.matches('[1-9]')", "must be above 0")] = Field(
        default="0.5",
        description="How far the nose may lie beside the middle of the eyes, as a share of their distance.",
        examples=["0.3"],
    )
    min_brightness: Annotated[AmountText, Rule("double(self) <= 255.0", "must be at most 255")] = Field(
        default="30", description="Mean brightness of the face, at least; 0 to 255."
    )
    max_brightness: Annotated[AmountText, Rule("double(self) <= 255.0", "must be at most 255")] = Field(
        default="225", description="Mean brightness of the face, at most; 0 to 255."
    )
    max_clipped: Annotated[Decimal01, Rule("self.matches('[1-9]')", "must be above 0")] = Field(
        default="0.4", description="Share of the face that may be quite black or quite white."
    )


class ModelStatus(ApiModel):
    """A model that the run used."""

    name: str = Field(description="The file's name.")
    source: str = Field(description="Where it was published.")
    licence: str = Field(description="Its terms.")
    sha256: str = Field(description="SHA-256 of the file; another one is never used.")

"""Temporal coherence for video: which frames does a detector get wrong? No labels, no training, no torch."""

from askew.boxes import Detections, FrameDetections, iou_matrix
from askew.video.coherence import estimate_all, estimate_errors
from askew.video.doubt import Doubt, learn_doubt
from askew.video.flow import Flow, FlowShape, FlowTracker
from askew.video.frame_errors import FrameErrors, no_errors
from askew.video.perspective import Perspective, perspective_of
from askew.video.scores import (
    entropy,
    error_scores,
    expected_errors,
    expected_objects,
    least_confidence,
    least_confidence_sum,
    margin,
)
from askew.video.trackers import BatchTracker, StaticTracker, Tracker
from askew.video.truth import true_errors

__all__ = [
    "BatchTracker",
    "Detections",
    "Doubt",
    "Flow",
    "FlowShape",
    "FlowTracker",
    "FrameDetections",
    "FrameErrors",
    "Perspective",
    "StaticTracker",
    "Tracker",
    "entropy",
    "error_scores",
    "estimate_all",
    "estimate_errors",
    "expected_errors",
    "expected_objects",
    "iou_matrix",
    "learn_doubt",
    "least_confidence",
    "least_confidence_sum",
    "margin",
    "no_errors",
    "perspective_of",
    "true_errors",
]

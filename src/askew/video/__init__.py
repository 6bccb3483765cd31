"""Temporal coherence for video: which frames does a detector get wrong? No labels, no training, no torch."""

from askew.video.boxes import Detections, iou_matrix
from askew.video.coherence import FrameErrors, estimate_errors
from askew.video.trackers import StaticTracker, Tracker

__all__ = ["Detections", "FrameErrors", "StaticTracker", "Tracker", "estimate_errors", "iou_matrix"]

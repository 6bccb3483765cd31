"""Film in: video files and folders of frames, one or many, and the optical flow between their frames."""

from askew.data.film.clips import open_videos
from askew.data.film.flow import flow_tracker
from askew.data.film.reader import Video, open_video

__all__ = ["Video", "flow_tracker", "open_video", "open_videos"]

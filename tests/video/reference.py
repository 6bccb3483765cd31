"""Chapter 2 in plain Python, one box at a time, as the text has it: what the fast code is held against."""

from __future__ import annotations

from itertools import product


def iou(a, b):
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    shared = width * height
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
    return shared / union if union > 0 else 0.0


def build(frames, tracker, reach=3, link_iou=0.5, candidate_iou=0.75):
    """frames: one list of (box, class) a frame. Returns links (a set of node pairs) and candidates, lists of
    (frame, class, first box, origins), the nodes being the detections in order."""
    numbers, n_nodes = [], 0
    for frame in frames:
        numbers.append(list(range(n_nodes, n_nodes + len(frame))))
        n_nodes += len(frame)
    links, candidates = set(), []
    for i, frame in enumerate(frames):
        groups = []
        for j in range(max(0, i - reach), min(len(frames), i + reach + 1)):
            if j == i:
                continue
            for k, (box, kind) in enumerate(frames[j]):
                moved = tracker(box, j, i)
                meets = [m for m, (other, same) in enumerate(frame) if same == kind and iou(moved, other) > link_iou]
                for m in meets:
                    links.add((min(numbers[i][m], numbers[j][k]), max(numbers[i][m], numbers[j][k])))
                if not meets:
                    for group in groups:
                        if group[1] == kind and iou(group[2], moved) > candidate_iou:
                            group[3].append(numbers[j][k])
                            break
                    else:
                        groups.append((i, kind, moved, [numbers[j][k]]))
        candidates.extend(groups)
    return links, candidates


def edges_of(links, candidates, n_detections):
    extra = [(origin, n_detections + c) for c, group in enumerate(candidates) for origin in group[3]]
    return [*sorted(links), *extra]


def energy(present, n_detections, edges, pairwise=1.0):
    unary = sum(not p for p in present[:n_detections]) + sum(present[n_detections:])
    return unary + pairwise * sum(present[a] != present[b] for a, b in edges)


def least_energy(n_nodes, n_detections, edges, pairwise=1.0):
    return min(energy(p, n_detections, edges, pairwise) for p in product([False, True], repeat=n_nodes))

"""Where the slots of a stamp card lie: geometry only."""

import math

_GAP = 0.08  # of a slot, between two of them
_WIDEST_PITCH = 1.3  # in slots, so that few slots stay together
_TALLEST = 0.86  # of the height, for cards of one to three slots
_FULL_ROWS = 0.15  # how much of its score a layout can lose through empty places


def arrange(slots: int, width: float, height: float) -> tuple[float, list[tuple[float, float]]]:
    """The side of a slot and the left top corners of all slots, centred in width × height.

    As large as possible, with full rows preferred to slightly larger slots; a shorter last row is
    centred.
    """
    rows = max(range(1, slots + 1), key=lambda count: _score(slots, count, width, height))
    columns = math.ceil(slots / rows)
    side = _side(columns, rows, width, height)
    widest = side * _WIDEST_PITCH
    pitch_x = min((width - side) / (columns - 1), widest) if columns > 1 else widest
    pitch_y = min((height - side) / (rows - 1), pitch_x) if rows > 1 else pitch_x
    corners = []
    for slot in range(slots):
        row, column = divmod(slot, columns)
        in_row = min(columns, slots - row * columns)
        x = width / 2 + (column - (in_row - 1) / 2) * pitch_x - side / 2
        y = height / 2 + (row - (rows - 1) / 2) * pitch_y - side / 2
        corners.append((x, y))
    return side, corners


def _score(slots: int, rows: int, width: float, height: float) -> float:
    columns = math.ceil(slots / rows)
    if (rows - 1) * columns >= slots:
        return 0.0  # a row would stay empty
    fullness = slots / (rows * columns)
    return _side(columns, rows, width, height) * (1 - _FULL_ROWS + _FULL_ROWS * fullness)


def _side(columns: int, rows: int, width: float, height: float) -> float:
    across = width / (columns + (columns - 1) * _GAP)
    down = height / (rows + (rows - 1) * _GAP)
    return min(across, down, height * _TALLEST)

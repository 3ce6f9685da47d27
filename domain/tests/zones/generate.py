#!/usr/bin/env python3
"""Works out, without Belfry's code and with another zone database, what clocks do and which slots there are.

The zones come from the PyPI package `tzdata`, whose release must be the one that chrono-tz bakes in (the test
compares them); the wall-clock rules are those of docs/ARCHITECTURE.md, "Wall clocks", told a second time here:

- the hours of a date go from a time on the clock until another; one not after the start is on the next date;
- a time that a clock change leaves out moves forward by what was left out;
- a time that occurs twice is its earlier instant where something starts, its later where something ends;
- a date that the zone skipped has no hours;
- a slot starts where the clock shows a multiple of the interval since 00:00, and lies wholly inside the hours.

    generate.py           writes zones.txt beside this file
    generate.py --check   says whether zones.txt is what would be written

What is written, a word per field:

    iana RELEASE          the release of the zone database
    shape N               what a clock change does, in minutes relative to its instant; many share a shape
    wall EDGE CLOCK AT …  the clock time CLOCK minutes after what the clock showed right before the change,
                          as a start or as an end, is the instant AT minutes after the change
    slots NAME INTERVAL LENGTH FROM DAYS HOURS = RUNS
                          the starts on DAYS dates from FROM days after the date shown right before the change
    rules                 a set of zones with the same clocks from 2015 to 2040
    zones NAME …
    from OFFSET           seconds that the clock was ahead of UTC when 2015 began there
    at INSTANT OFFSET N   the change at INSTANT (UTC seconds), and its shape
    years COUNT:HASH …    all slots of each year, on the plan "years"
    outside ZONE INSTANT BEFORE AFTER N
                          a change outside these years that does what none inside does
"""

import bisect
import datetime as dt
import importlib.resources
import pathlib
import sys
import zoneinfo

RELEASE = "2025b"
PACKAGE = "2025.2"
FIRST_YEAR, LAST_YEAR = 2015, 2040
EPOCH = dt.datetime(1970, 1, 1)
DAY = 86_400
HERE = pathlib.Path(__file__).parent

# Changes outside the years: skipped and repeated dates, a change at a minute past midnight, odd seconds.
OUTSIDE = [
    ("Pacific/Apia", 2011, 12),
    ("Pacific/Fakaofo", 2011, 12),
    ("Pacific/Kiritimati", 1994, 12),
    ("Pacific/Kanton", 1994, 12),
    ("Pacific/Kwajalein", 1993, 8),
    ("Pacific/Kwajalein", 1969, 9),
    ("America/St_Johns", 2010, 11),
    ("America/St_Johns", 2010, 3),
    ("America/Caracas", 2007, 12),
    ("Asia/Kathmandu", 1985, 12),
]

# Every day the same hours, so that only the clock makes a difference: (name, interval, length, hours).
DAILY = [
    ("round-the-clock", 30, 30, ["00:00-24:00"]),
    ("nights", 15, 45, ["22:15-02:30", "02:45-05:00"]),
    ("whole-days", 60, 90, ["09:00-09:00"]),
]
# A week as people have it: hours on each weekday, from Monday on.
WEEK = ("week", 20, 40, [
    ["09:00-12:00", "13:30-17:00"],
    ["22:00-02:00"],
    [],
    ["00:00-24:00"],
    ["00:30-01:30", "23:00-24:00"],
    ["23:30-03:10"],
    ["00:00-00:40", "01:40-02:20", "02:20-06:00"],
])
# Little enough to be worked out for all days of all years.
YEARS = ("years", 30, 60, ["23:30-03:30"])


class Clock:
    """The clock of one zone: which instants show a time, and what an instant shows, in whole seconds."""

    def __init__(self, name):
        self.zone = zoneinfo.ZoneInfo(name)

    def offset(self, instant):
        shown = (EPOCH + dt.timedelta(seconds=instant)).replace(tzinfo=dt.timezone.utc)
        return int(shown.astimezone(self.zone).utcoffset().total_seconds())

    def instant(self, shown, edge):
        """PEP 495: fold=0 reads a time left out with the offset before, a repeated one as the earlier."""
        local = (EPOCH + dt.timedelta(seconds=shown)).replace(tzinfo=self.zone)
        readings = []
        for fold in (0, 1):
            offset = local.replace(fold=fold).utcoffset()
            readings.append(shown - int(offset.total_seconds()))
        real = [at for at in readings if at + self.offset(at) == shown]
        if not real:
            return readings[0]
        return min(real) if edge == "start" else max(real)

    def changes(self, first, last):
        """Every instant after `first` up to `last` at which the offset changes."""
        found = []
        step = DAY // 2
        at, offset = first, self.offset(first)
        while at < last:
            to = min(at + step, last)
            after = self.offset(to)
            if after != offset:
                low, high = at, to
                while high - low > 1:
                    middle = (low + high) // 2
                    if self.offset(middle) == offset:
                        low = middle
                    else:
                        high = middle
                after = self.offset(high)
                found.append((high, offset, after))
                at, offset = high, after
            else:
                at = to
        return found


class Pieces:
    """What `Clock` says over a stretch of time, looked up once: it is asked millions of times."""

    def __init__(self, clock, first, last):
        changes = clock.changes(first, last)
        self.starts = [at for at, _, _ in changes]
        self.offsets = [clock.offset(first)] + [after for _, _, after in changes]

    def offset(self, instant):
        return self.offsets[bisect.bisect_right(self.starts, instant)]

    def grain(self):
        """How far apart, at least, clocks can show multiples of five minutes: such are all grids here."""
        return 300 if all(offset % 300 == 0 for offset in self.offsets) else 60


def minutes(text):
    hour, minute = text.split(":")
    return int(hour) * 60 + int(minute)


def date_number(instant_shown):
    return instant_shown // DAY


def opened(clock, hours_on, days):
    """The hours of these dates as stretches between instants, in order, those that touch made one."""
    stretches = []
    for day in days:
        midnight, next_midnight = day * DAY, (day + 1) * DAY
        if clock.instant(midnight, "start") == clock.instant(next_midnight, "start"):
            continue  # The zone skipped this date.
        for text in hours_on(day):
            start, end = (minutes(part) for part in text.split("-"))
            if end <= start:
                end += 1440
            stretch = (clock.instant(midnight + start * 60, "start"), clock.instant(midnight + end * 60, "end"))
            if stretch[0] < stretch[1]:
                stretches.append(stretch)
    merged = []
    for start, end in sorted(stretches):
        if merged and start <= merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], end)
        else:
            merged.append([start, end])
    return merged


def starts(offset_of, stretches, interval, length, grain):
    """Looks at every multiple of `grain` seconds in the hours; a start is where the clock shows the grid."""
    found = []
    for start, end in stretches:
        at = -(-start // grain) * grain
        while at + length * 60 <= end:
            if (at + offset_of(at)) % DAY % (interval * 60) == 0:
                found.append(at)
            at += grain
    return found


def slots(clock, pieces, interval, length, hours_on, first, days):
    """The starts whose date in the zone is one of `days` dates from `first` on."""
    stretches = opened(clock, hours_on, range(first - 3, first + days + 3))
    wanted = range(first, first + days)
    found = starts(pieces.offset, stretches, interval, length, pieces.grain())
    return [at for at in found if date_number(at + pieces.offset(at)) in wanted]


def runs(numbers):
    """`start` alone, or `start+step*count` for numbers that go on in equal steps."""
    parts, i = [], 0
    while i < len(numbers):
        j = i + 1
        if j < len(numbers):
            step = numbers[j] - numbers[i]
            while j + 1 < len(numbers) and numbers[j + 1] - numbers[j] == step:
                j += 1
            parts.append(f"{numbers[i]}+{step}*{j - i + 1}")
            i = j + 1
        else:
            parts.append(str(numbers[i]))
            i = j
    return " ".join(parts)


def relative(instants, change):
    """Minutes after the change. Every offset here is of whole minutes."""
    for at in instants:
        assert (at - change) % 60 == 0, "an instant off the minute"
    return [(at - change) // 60 for at in instants]


def clock_text(minute):
    return f"{minute // 60:02}:{minute % 60:02}"


def shape(clock, change, before, after):
    lines = []
    pieces = Pieces(clock, change - 15 * DAY, change + 15 * DAY)
    shown = change + before
    day, minute = date_number(shown), shown % DAY // 60
    jump = (after - before) // 60
    marks = {-61, -30, -1, 0, 1, 29, 30, 59, 60, 61, jump - 1, jump, jump + 1, jump // 2, -jump}
    for edge in ("start", "end"):
        told = []
        for mark in sorted(marks):
            (at,) = relative([clock.instant(shown + mark * 60, edge)], change)
            told.append(f"{mark} {at}")
        lines.append(f"wall {edge} {minute} " + " ".join(told))

    def plan(name, interval, length, first, days, hours_on, hours_text):
        found = relative(slots(clock, pieces, interval, length, hours_on, day + first, days), change)
        text = " ".join(hours_text)
        lines.append(f"slots {name} {interval} {length} {first} {days} {text} = {runs(found)}".replace("  ", " "))

    for name, interval, length, hours in DAILY:
        plan(name, interval, length, -2, 5, lambda _: hours, hours)
    # Hours that begin, and that end, in the middle of what is left out or repeated.
    middle = (minute + (jump // 2 if jump > 0 else -(-jump // 2))) % 1440
    if jump < 0:
        middle = (minute + jump // 2) % 1440
    for name, start, end in (("begins-inside", middle, middle + 180), ("ends-inside", middle - 180, middle)):
        hours = [f"{clock_text(start % 1440)}-{clock_text(end % 1440)}"]
        plan(name, 5, 25, -2, 5, lambda _: hours, hours)
    # The ISO week around the change; day 0 was a Thursday.
    monday = (day + 3) // 7 * 7 - 3
    name, interval, length, week = WEEK
    text = ["/".join(",".join(hours) or "-" for hours in week)]
    plan(name, interval, length, monday - day, 7, lambda d: week[(d + 3) % 7], text)
    return "\n".join(lines)


def year_digest(pieces, opened_at, year):
    """How many slots the year has, and a number mixed of all their instants."""
    first = (dt.date(year, 1, 1) - EPOCH.date()).days
    last = (dt.date(year + 1, 1, 1) - EPOCH.date()).days
    mixed, count = 0, 0
    for at in opened_at:
        if first <= date_number(at + pieces.offset(at)) < last:
            count += 1
            mixed = ((mixed ^ at) * 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
            mixed ^= mixed >> 29
    return f"{count}:{mixed:016x}"


def names():
    text = importlib.resources.files("tzdata").joinpath("zones").read_text()
    return sorted(set(text.split()) - {"Factory", "localtime"})


def generate():
    # Only the package, never the zone files of this machine.
    zoneinfo.reset_tzpath(to=[])
    import tzdata

    assert tzdata.IANA_VERSION == RELEASE, f"install tzdata=={PACKAGE}, not {tzdata.__version__}"
    first = int((dt.datetime(FIRST_YEAR, 1, 1) - EPOCH).total_seconds()) - DAY
    last = int((dt.datetime(LAST_YEAR + 1, 1, 1) - EPOCH).total_seconds()) + DAY

    by_rules = {}
    for name in names():
        clock = Clock(name)
        changes = tuple(clock.changes(first, last))
        by_rules.setdefault((clock.offset(first), changes), []).append(name)

    shapes = {}

    def number_of(text):
        return shapes.setdefault(text, len(shapes))

    body = []
    for (offset, changes), zones in sorted(by_rules.items(), key=lambda item: item[1]):
        clock = Clock(zones[0])
        body += ["rules", "zones " + " ".join(zones), f"from {offset}"]
        for at, before, after in changes:
            body.append(f"at {at} {after} {number_of(shape(clock, at, before, after))}")
        pieces = Pieces(clock, first - 4 * DAY, last + 4 * DAY)
        assert all(offset % 900 == 0 for offset in pieces.offsets), zones[0]  # As are the starts of "years".
        _, interval, length, hours = YEARS
        days = range(first // DAY - 2, last // DAY + 2)
        found = starts(pieces.offset, opened(clock, lambda _: hours, days), interval, length, 900)
        years = []
        for year in range(FIRST_YEAR, LAST_YEAR + 1):
            noon = int((dt.datetime(year, 1, 1) - EPOCH).total_seconds())
            near = found[bisect.bisect(found, noon - 2 * DAY):bisect.bisect(found, noon + 368 * DAY)]
            years.append(year_digest(pieces, near, year))
        body.append("years " + " ".join(years))
    for name, year, month in OUTSIDE:
        clock = Clock(name)
        begin = int((dt.datetime(year, month, 1) - EPOCH).total_seconds()) - 2 * DAY
        changes = clock.changes(begin, begin + 35 * DAY)
        assert len(changes) == 1, name
        ((at, before, after),) = changes
        body.append(f"outside {name} {at} {before} {after} {number_of(shape(clock, at, before, after))}")

    _, interval, length, hours = YEARS
    head = [f"iana {RELEASE}", f"plan years {interval} {length} {' '.join(hours)}"]
    for text, number in shapes.items():
        head += [f"shape {number}", text]
    return "\n".join(head + body) + "\n"


def main():
    path = HERE / "zones.txt"
    text = generate()
    if sys.argv[1:] == ["--check"]:
        if path.read_text() != text:
            sys.exit("zones.txt is not what this script writes")
        print("zones.txt is what this script writes:", describe(text))
    else:
        path.write_text(text)
        print("wrote", path.name + ":", describe(text))


def describe(text):
    lines = text.splitlines()
    count = lambda word: sum(line.startswith(word) for line in lines)
    zones = sum(len(line.split()) - 1 for line in lines if line.startswith("zones "))
    return f"{zones} zones, {count('rules')} sets of rules, {count('at ')} changes, {count('shape')} shapes"


main()

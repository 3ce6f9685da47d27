"""Writes holidays.txt: public holidays by country and region, from the PyPI package `holidays`.

    python3 -m venv target/holidays && target/holidays/bin/pip install holidays==0.109
    target/holidays/bin/python domain/src/holiday/generate.py > domain/src/holiday/holidays.txt

A line is a code, a name in English, for Vietnamese and Chinese the name there, and the dates. The first line of a
region has its own name: with a plus, its days are those of the country and what follows; else what follows alone.
"""

import sys
import warnings

import holidays

VERSION = "0.109"
YEARS = range(2024, 2037)
COUNTRIES = (
    "AT AU BE BR CA CH CN DE DK ES FI FR GB HK ID IE IN IT JP KR MX MY NL NO NZ PH PL PT SE SG TH TW US VN ZA"
).split()
WITH_REGIONS = {"AU", "CA", "CH", "DE", "ES", "GB"}
LOCAL = {"CN": "zh_CN", "HK": "zh_HK", "TW": "zh_TW", "VN": "vi"}


def days(country, subdiv=None, language=None):
    entity = getattr(holidays, country)
    if language is None:
        known = entity.supported_languages or ()
        language = next((one for one in ("en_US", "en_GB") if one in known), None)
    return dict(holidays.country_holidays(country, subdiv=subdiv, years=YEARS, language=language))


def clean(name):
    return " ".join(name.replace("\t", " ").split())


def lines(code, found, local=None):
    named = {}
    for date in sorted(found):
        name = (clean(found[date]), clean(local[date]) if local else "")
        named.setdefault(name, []).append(date.strftime("%Y%m%d"))
    return ["\t".join([code, *name, " ".join(dates)]) for name, dates in sorted(named.items())]


def main():
    warnings.simplefilter("ignore")
    assert holidays.__version__ == VERSION, holidays.__version__
    out = [f"# holidays {VERSION}, {YEARS[0]}-{YEARS[-1]}"]
    for country in COUNTRIES:
        base = days(country)
        out += lines(country, base, days(country, language=LOCAL[country]) if country in LOCAL else None)
        if country not in WITH_REGIONS:
            continue
        entity = getattr(holidays, country)
        aliases = {}
        for alias, code in getattr(entity, "subdivisions_aliases", {}).items():
            aliases.setdefault(code, alias)
        for subdiv in sorted(code for code in entity.subdivisions if len(code) <= 3):
            code, region = f"{country}-{subdiv}", days(country, subdiv)
            adds = set(base) <= set(region)
            out.append("\t".join([code, "+" if adds else "=", clean(aliases.get(subdiv, subdiv))]))
            out += lines(code, {date: region[date] for date in region if not adds or date not in base})
    sys.stdout.write("\n".join(out) + "\n")


main()

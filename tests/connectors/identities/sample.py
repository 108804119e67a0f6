"""A list of people written by hand: one who changed teams, one without a team, one of a cluster of its own."""

PEOPLE = """\
Login,Full name,E-Mail,Team,Department,Cluster,Start,End,Room
ada,Ada Example,ada@example.org,optics,physics,,,2026-02-01,12
ada,Ada Example,ada@example.org,vision,physics,,2026-02-01,,12
bob,Bob Example,,,maths,,,,
emmy,"Example, Emmy",,rings,maths,lab,,,7
"""


def make(folder):
    """Write the sample and give the connector's settings for it."""
    path = folder / "people.csv"
    path.write_text(PEOPLE)
    return {"files": (str(path),)}

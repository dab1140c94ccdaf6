"""A made-up world whose truth is known: what the suite is tried on before it is trusted.

``world(seed)`` gives the four tables as a careful collector would have filled them, and a fifth
table with what really happened. The same seed gives the same world.

The world: a publisher's site (the name ends in .example, so nobody owns it), some thirty pieces, a
window of ninety days that ends on 2018-04-01. That quarter is chosen because all of its platforms
then stood: StumbleUpon was open, LinkedIn took its share counter away in February, Mastodon was
young. Nothing in it happened.
"""

from analysis.simulate.fill import MADE_UP, fill
from analysis.simulate.seen import END, World, world

__all__ = ["END", "MADE_UP", "World", "fill", "world"]

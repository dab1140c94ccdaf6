"""Our figure, the peer's or the yardstick's, and the ratio from the same run. ``make bench`` runs all."""

"""From what trials measured to rows, fronts, hypervolumes and claims with intervals."""

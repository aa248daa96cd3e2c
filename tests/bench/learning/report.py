"""The table of a comparison."""

import statistics

_COLUMNS = {"oracle": "oracle", "aws": "AWS adaptive", "reference": "reference", "ours": "ours"}


def _cell(figures) -> str:
    good, refused = figures
    return f"{100 * good:6.1f} {100 * refused:6.2f}"


def table(title: str, scenarios, figures: dict, policies: list[str]) -> str:
    """`figures`: (key, policy) → (goodput as a share of the best, share of answers that throttle), means of the seeds."""
    width = max(len(scenario.about) for scenario in scenarios)
    lines = [title, "", " " * (width + 7) + "".join(f"{_COLUMNS.get(policy, policy):>16}" for policy in policies),
             " " * (width + 7) + "".join(f"{'good':>9} {'429s':>6}" for _ in policies)]
    lines += [f"{scenario.key:<5}  {scenario.about:<{width}}" + "".join(f"   {_cell(figures[scenario.key, policy])}" for policy in policies)
              for scenario in scenarios]
    lines.append("")

    def summary(name: str, value):
        cells = "".join(f"   {_cell(value([figures[scenario.key, policy] for scenario in chosen]))}" for policy in policies)
        lines.append(f"{name:<{width + 7}}" + cells)

    def mean(all_figures):
        return tuple(statistics.fmean(column) for column in zip(*all_figures))

    kinds = list(dict.fromkeys(scenario.kind for scenario in scenarios))
    if kinds != [""]:
        for kind in kinds:
            chosen = [scenario for scenario in scenarios if scenario.kind == kind]
            summary(f"{kind} ({len(chosen)})", mean)
    chosen = scenarios
    summary("mean", mean)
    summary("worst", lambda all_figures: (min(good for good, _ in all_figures), max(refused for _, refused in all_figures)))
    if "oracle" in policies:
        best = mean([figures[scenario.key, "oracle"] for scenario in scenarios])[0]
        shares = [mean([figures[scenario.key, policy] for scenario in scenarios])[0] / best for policy in policies]
        lines.append(f"{'mean, in % of the oracle':<{width + 7}}" + "".join(f"   {100 * share:6.1f}       " for share in shares).rstrip())
    if "ours" in policies and "reference" in policies:
        behind = [(figures[scenario.key, "reference"][0] - figures[scenario.key, "ours"][0], scenario.key) for scenario in scenarios]
        lines.append("more than 3 points below the reference: " + (", ".join(f"{key} {100 * by:.1f}" for by, key in sorted(behind, reverse=True)
                                                                           if by > 0.03) or "none"))
    return "\n".join(lines) + "\n"

"""Rows by core, limit, link and step, and the pictures that are made of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from snn2chip.core.mapping import Mapping, Place, Slice
from snn2chip.energy import count
from snn2chip.mapping.place import place_all
from snn2chip.mapping.routes import NO_LINKS
from snn2chip.pipeline import Result
from snn2chip.report import html, summary
from snn2chip.report.build import build
from snn2chip.report.chip.layout import Window
from snn2chip.report.chip.types import Load, MeshInfo, StepRow, StepTimes
from snn2chip.report.html import draw, floorplan, links
from snn2chip.report.types import Report
from snn2chip.targets.types import Constant, Mesh
from tests.report.synthetic_results import result

STATED = {
    "neurons_per_core": 48,
    "synaptic_words_per_core": 1000,
    "word_bits": 64,
    "axon_header_bits": 16,
    "synapse_index_bits": 8,
}


def with_resources(run: Result, **stated: int) -> Result:
    resources = {name: Constant(value, "vendor", "a test") for name, value in stated.items()}
    return replace(run, target=replace(run.target, resources=resources))


def remapped(run: Result, mapping: Mapping) -> Result:
    """The run on another mapping, with its costs by core."""
    again = result(mapping=mapping)
    return replace(run, mapping=mapping, energy=again.energy)


def drawn(report: Report) -> floorplan.Plan:
    plan = floorplan.plan(report)
    assert plan is not None
    return plan


def squares(plan: floorplan.Plan) -> list[floorplan.Square]:
    """Squares of used cores, chip by chip."""
    return [
        square
        for chip in plan.chips
        for tile in chip.tiles
        for square in tile.squares
        if square.classes
    ]


# ---------------------------------------------------------------- rows


def test_cores_add_up_to_the_run(run: Result, report: Report) -> None:
    counts = count(run.program, run.activity, run.mapping)
    assert [core.core for core in report.cores] == sorted(run.mapping.places)
    assert sum(core.neurons for core in report.cores) == sum(
        p.size for p in run.program.populations
    )
    packets = sum(layer.packets for layer in counts.layers)
    assert sum(core.packets_out for core in report.cores) == packets
    assert sum(core.packets_in for core in report.cores) == packets
    events = sum(layer.synaptic_events for layer in counts.layers)
    assert sum(core.synaptic_events for core in report.cores) == events
    assert report.cores[3].layers == {"conv": 24}
    assert report.cores[3].loads == (Load("neurons_per_core", "neurons", 24, 24),)


def test_cores_are_filled_by_their_fullest_limit(run: Result) -> None:
    report = build(with_resources(run, **STATED))
    cores = {core.core: core for core in report.cores}
    # conv's first core: 24 of 48 neurons; 64 axons x 24 synapses x (8 + 8) bits + header = 7 words
    assert cores[3].loads == (
        Load("neurons_per_core", "neurons", 24, 48),
        Load("synaptic_words_per_core", "words of synaptic memory", 64 * 7, 1000),
    )
    assert cores[3].utilization == 0.5
    # the input's core has no synapses
    assert cores[0].loads == (Load("neurons_per_core", "neurons", 24, 48),)


def test_a_chip_without_limits_has_no_utilization(run: Result) -> None:
    report = build(with_resources(run))
    assert {core.utilization for core in report.cores} == {None}
    assert report.utilization.limits == ()
    assert report.utilization.required_cores is None
    assert summary.required(report) == "The mapping uses 9 cores."
    assert report.target.cores == 8 * 4 * 4
    assert "utilization" not in [scale.title for scale in drawn(report).scales]


def test_required_cores_stand_beside_occupied_ones(run: Result) -> None:
    use = build(with_resources(run, **STATED)).utilization
    # 64 + 64 + 32 + 10 neurons of 48 per core: 4 cores, and 2 + 2 + 1 + 1 for each layer alone
    neurons, words = use.limits
    assert (neurons.needed, neurons.required_cores) == (170, 4)
    assert [need.required_cores for need in neurons.layers] == [2, 2, 1, 1]
    # 64 axons of 64 synapses in 17 words, 64 of 32 in 9, 32 of 10 in 3
    assert (words.needed, words.required_cores) == (64 * 17 + 64 * 9 + 32 * 3, 2)
    assert (use.required_cores, use.required_apart, use.occupied_cores) == (4, 6, 9)
    assert (neurons.fullest_used, neurons.mean_used) == (24, pytest.approx(170 / 9))
    report = build(with_resources(run, **STATED))
    said = summary.required(report)
    assert said.startswith("The network needs at least 4 cores, by neurons; the mapping uses 9")
    assert "6 is the least for layers that share no core" in said


def test_links_are_those_of_the_energy_report(run: Result, report: Report) -> None:
    loads = run.energy.links
    assert sum(link.packets for link in report.links) == loads.traversals
    assert max(link.packets for link in report.links) == loads.largest
    assert len({(link.x, link.y, link.to_x, link.to_y) for link in report.links}) == len(
        report.links
    )


def test_steps_carry_their_time_and_what_they_wait_for(run: Result, report: Report) -> None:
    times = report.latency
    assert times is not None
    assert [row.time_ns for row in times.steps] == list(run.energy.step_ns)
    assert times.barrier_ns == 120.0
    assert times.barrier_share == pytest.approx(120.0 * 12 / sum(run.energy.step_ns))
    assert summary.waited(report) == ("conv", "output")
    said = summary.waiting(report)
    assert said.startswith("Slowest step: 6, 1.40 us, waiting for core 3: synaptic events of conv.")
    assert "The barrier between steps takes 11.3 % of the time." in said
    assert build(result(latency=False)).latency is None
    assert summary.waiting(build(result(latency=False))) == ""


def test_steps_of_a_tick_have_no_bottleneck(run: Result) -> None:
    assert run.energy.by_core is not None
    ticks = replace(run.energy.by_core, slowest=(), barrier_ns=None)
    report = build(replace(run, energy=replace(run.energy, by_core=ticks, bottleneck=None)))
    assert report.latency is not None
    assert {row.slowest for row in report.latency.steps} == {None}
    assert (report.latency.barrier_ns, report.latency.barrier_share) == (None, None)
    assert "waiting" not in summary.waiting(report)
    steady = tuple(replace(row, time_ns=1e6) for row in report.latency.steps)
    again = replace(report, latency=replace(report.latency, steps=steady))
    assert summary.waiting(again) == "Every step lasts 1.00 ms, whatever happens in it."


# ---------------------------------------------------------------- floorplan


def test_the_floorplan_shows_each_used_core(report: Report) -> None:
    plan = drawn(report)
    (chip,) = plan.chips
    assert (chip.columns, chip.rows, len(chip.tiles), plan.across) == (4, 2, 8, 2)
    assert sum(len(tile.squares) for tile in chip.tiles) == 32
    used = squares(plan)
    assert len(used) == 9
    assert [square.classes.split()[0] for square in used] == [
        *["l0"] * 3,
        *["l1"] * 3,
        *["l2"] * 2,
        "l3",
    ]
    assert used[3].card.startswith(
        "core 3\ntile 0 (column 0, row 0)\nconv: 24 neurons\n24 of 24 neurons (100 %)\npackets: "
    )
    assert used[5].classes.split()[1] == "u5"
    assert "16 of 24 neurons (66.7 %)" in used[5].card
    assert [scale.title for scale in plan.scales] == [
        "utilization",
        "energy",
        "traffic",
        "busy time",
    ]


def test_a_chip_that_is_mostly_unused_is_drawn_around_its_cores(run: Result) -> None:
    (chip,) = drawn(build(run)).chips
    assert chip.inset is not None
    assert (chip.inset.columns, chip.inset.rows) == (8, 4)
    assert chip.inset.window == Window(0, 0, 4, 2)
    assert chip.inset.used == "M0 0h1v1h-1zM1 0h1v1h-1zM2 0h1v1h-1z"
    page = html.text(build(run))
    assert "9 of 128 cores used. Drawn are the tiles in use" in page
    assert page.count('class="minimap"') == 1
    middle = {
        core: place._replace(x=4 + place.x, y=2) for core, place in run.mapping.places.items()
    }
    (chip,) = drawn(build(remapped(run, replace(run.mapping, places=middle)))).chips
    assert chip.inset is not None
    assert chip.inset.window == Window(3, 1, 5, 3)
    full = build(result(neurons_per_core=3))
    assert [chip.inset for chip in drawn(full).chips] == [None]
    assert "small picture" not in html.text(full)


def test_the_card_of_the_costliest_core_is_there_without_pointing(report: Report) -> None:
    costliest = max(report.cores, key=lambda core: core.energy_pj or 0.0)
    plan = drawn(report)
    assert plan.first.startswith(f"core {costliest.core}\n")
    assert plan.first in [square.card for square in squares(plan)]


def test_levels_follow_the_numbers(report: Report) -> None:
    costliest = max(report.cores, key=lambda core: core.energy_pj or 0.0)
    busiest = max(report.cores, key=lambda core: core.traffic)
    used = dict(zip((core.core for core in report.cores), squares(drawn(report)), strict=True))
    assert "e7" in used[costliest.core].classes.split()
    assert "t7" in used[busiest.core].classes.split()
    for core in report.cores:
        share = (core.energy_pj or 0.0) / (costliest.energy_pj or 1.0)
        assert f"e{floorplan.level(share)}" in used[core.core].classes.split()
    assert [floorplan.level(share) for share in (0.0, 0.124, 0.126, 0.5, 1.0, 3.0)] == [
        0, 0, 1, 4, 7, 7,
    ]  # fmt: skip


def test_an_overfull_core_stands_out(run: Result) -> None:
    report = build(with_resources(run, neurons_per_core=20))
    classes = [square.classes.split() for square in squares(drawn(report))]
    assert sum("over" in names for names in classes) == 5
    assert "24 of 20 neurons (120 %)" in squares(drawn(report))[0].card


def test_cores_can_be_shared_by_layers(run: Result) -> None:
    cores = {name: (Slice(0, n.size - 1, 0),) for name, n in run.mapping.assignment.items()}
    shared = Mapping.from_slices("loihi2", cores, {0: Place(0, 0, 0)})
    report = build(remapped(run, shared))
    (square,) = squares(drawn(report))
    assert square.classes.split()[0] == "l1"
    assert square.blend == (
        "var(--l1) 0% 37.65%, var(--l0) 37.65% 75.29%, var(--l2) 75.29% 94.12%, "
        "var(--l3) 94.12% 100%"
    )


def test_chips_stand_side_by_side(run: Result) -> None:
    places = {core: place._replace(x=place.x + 8 * (core > 4), chip=int(core > 4))
              for core, place in run.mapping.places.items()}  # fmt: skip
    report = build(remapped(run, replace(run.mapping, places=places)))
    plan = drawn(report)
    assert [chip.title for chip in plan.chips] == ["chip 0", "chip 1"]
    assert [sum(bool(s.classes) for t in chip.tiles for s in t.squares) for chip in plan.chips] == [
        5,
        4,
    ]
    assert "chip 1, tile" in squares(plan)[-1].card


def test_cores_are_those_of_all_chips(run: Result, report: Report) -> None:
    assert summary.cores(report) == "9 of 128 cores"
    places = {c: p._replace(chip=c % 3) for c, p in run.mapping.places.items()}
    several = build(remapped(run, replace(run.mapping, places=places)))
    assert summary.cores(several) == "9 of 384 cores on 3 chips"


def test_what_lies_beyond_the_last_chip_is_told_apart(run: Result) -> None:
    places = {
        core: place._replace(x=8 * min(core // 3, 2), chip=min(core // 3, 1))
        for core, place in run.mapping.places.items()
    }
    report = build(remapped(run, replace(run.mapping, places=places)))
    assert [c.title for c in drawn(report).chips] == ["chip 0", "chip 1", "beyond the chip"]


def test_what_lies_beyond_the_chip_is_drawn_all_the_same(run: Result) -> None:
    places = {**run.mapping.places, 8: Place(99, 11, 6)}
    report = build(remapped(run, replace(run.mapping, places=places)))
    plan = drawn(report)
    assert [chip.title for chip in plan.chips] == ["the chip", "beyond the chip"]
    (tile,) = [tile for tile in plan.chips[1].tiles if any(s.classes for s in tile.squares)]
    # the tile at (3, 3) with a margin of one, on a chip of 8 x 4
    assert (tile.column, tile.row) == (2, 2)


def test_a_chip_without_a_mesh_has_all_its_cores_in_one_tile(run: Result) -> None:
    plain = replace(run.mapping, places=place_all(run.mapping.places, Mesh(0, 0, 0)))
    report = build(replace(remapped(run, plain), target=replace(run.target, mesh=Mesh(0, 0, 0))))
    (chip,) = drawn(report).chips
    assert len(chip.tiles) == 1
    assert len(squares(drawn(report))) == 9


def test_huge_chips_are_cut_to_what_is_used(run: Result) -> None:
    report = build(replace(run, target=replace(run.target, mesh=Mesh(500, 500, 4))))
    (chip,) = drawn(report).chips
    assert (chip.columns, chip.rows, len(chip.tiles)) == (3, 1, 3)


def test_thousands_of_cores_have_no_cards(report: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(floorplan, "MAX_CARDS", 8)
    monkeypatch.setattr(floorplan, "MAX_CORES", 7)
    plan = drawn(report)
    assert (plan.cards, plan.left_out) == (False, 2)
    assert {square.card for square in squares(plan)} == {""}


def test_pages_of_thousands_of_cores_stay_light(report: Report) -> None:
    def spread(number: int) -> Report:
        mesh = MeshInfo(40, 40, 4)
        places = place_all(range(number), Mesh(40, 40, 4))
        rows = tuple(
            replace(report.cores[core % 9], core=core, x=place.x, y=place.y, tile=place.tile)
            for core, place in places.items()
        )
        return replace(report, mesh=mesh, cores=rows)

    alone = len(html.text(report))
    for number, most in ((1024, 500), (6000, 100), (20_000, 100)):
        page = html.text(spread(number))
        assert page.count('<b class="l') == number
        assert len(page) - alone < number * most


# ---------------------------------------------------------------- links and steps


def test_every_link_has_its_line(report: Report) -> None:
    found = links.links(report)
    assert found is not None
    assert len(found.lines) == len(report.links)
    assert (found.tiles + found.used).count("z") == 32
    assert found.used.count("z") == 3
    top = max(report.links, key=lambda link: link.packets)
    assert found.busiest.startswith(f"({top.x}, {top.y}) -> ({top.to_x}, {top.to_y}): ")
    levels = [line.level for line in found.lines]
    assert levels == [floorplan.level(link.packets / top.packets) for link in report.links]
    assert max(levels) == 7


def test_chips_are_told_apart_between_links(run: Result, report: Report) -> None:
    alone = links.links(report)
    assert alone is not None
    assert alone.borders == ""
    places = {
        c: p._replace(x=p.x + 8 * (c > 4), chip=int(c > 4)) for c, p in run.mapping.places.items()
    }
    found = links.links(build(remapped(run, replace(run.mapping, places=places))))
    assert found is not None
    assert found.borders == "M192 0v96"


def test_both_ways_of_a_link_lie_apart() -> None:
    paths = {
        links._path(links.LinkRow(*ends, 1))
        for ends in ((0, 0, 1, 0), (1, 0, 0, 0), (0, 0, 0, 1), (0, 1, 0, 0))
    }
    assert paths == {"M18.5 15.2l11 0", "M29.5 8.8l-11 0", "M8.8 18.5l0 11", "M15.2 29.5l0 -11"}


def test_many_links_are_one_path_for_each_colour(
    report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "MAX_TITLES", 1)
    found = links.links(report)
    assert found is not None
    assert len(found.lines) == len({line.level for line in found.lines})
    assert sum(line.path.count("M") for line in found.lines) == len(report.links)
    assert {line.title for line in found.lines} == {""}


def test_without_packets_between_tiles_there_is_no_heat_map(run: Result) -> None:
    alone = replace(run, energy=replace(run.energy, links=NO_LINKS))
    assert links.links(build(alone)) is None


def test_step_bars_stand_on_the_barrier(report: Report) -> None:
    assert report.latency is not None
    bars = draw.step_bars(report.latency, draw.colours(report))
    assert len(bars.bars) == 12
    assert bars.top_us == pytest.approx(1.4)
    assert bars.barrier == pytest.approx(100 * 120 / 1400, abs=0.01)
    for bar, row in zip(bars.bars, report.latency.steps, strict=True):
        assert bar.height + bars.barrier == pytest.approx(100 * row.time_ns / 1400, abs=0.02)
        assert bar.title.startswith(f"step {row.step}: ")


def test_long_runs_have_a_bar_for_several_steps() -> None:
    times = StepTimes(0.0, 0.0, tuple(StepRow(k, float(k % 97), None) for k in range(1000)))
    bars = draw.step_bars(times, {})
    assert bars.grouped == 7
    assert len(bars.bars) == 143 <= draw.MAX_BARS
    assert bars.top_us == 0.096
    assert max(bar.height for bar in bars.bars) == 100.0

"""The fault matrix: the faults, the expected outcome of each, and the tests of it.

A test of this folder is assigned to a cell by `@cell(17)`. Tests of other folders are listed in `elsewhere`; for a cell
without a test, `missing` has the reason.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True)
class Cell:
    """One fault."""

    number: int
    stage: str
    fault: str
    promise: str
    elsewhere: tuple[str, ...] = ()
    """Tests, as `file::name` below `tests`."""
    missing: str = ''


_RUN = 'steps/test_run.py::'
_EDGES = 'steps/test_run_edges.py::'
_RESUME = 'steps/test_resume.py::'
_KEEPING = 'steps/test_keeping.py::'
_KEPT = 'storage/test_storage_folder_cache.py::'
_DEADLINE = 'steps/test_deadline.py::'
_ARCHIVE = 'storage/test_storage_archive.py::'
_PUBLISH = 'storage/test_storage_publishing.py::'
_SINKS = 'journal/test_journal_sinks.py::'

CELLS = (
    Cell(1, 'export', 'a body shorter than its Content-Length', 'resumes where it was interrupted'),
    Cell(2, 'export', 'a body without length that ends early', 'refused, or checked where size or hash is known'),
    Cell(3, 'export', 'a chunked body without its end', 'retried, then a typed failure'),
    Cell(
        4,
        'export',
        'a body longer than announced',
        'refused if the backend announces the size; else the rest is never read',
    ),
    Cell(
        5, 'export', 'the right length with a wrong byte', 'detected by the hash, fetched again twice, then a failure'
    ),
    Cell(6, 'export', 'the file changes before it is resumed', 'starts over; two files are never mixed'),
    Cell(7, 'export', 'a part that begins elsewhere', 'starts over'),
    Cell(8, 'export', 'a range request is answered with the whole file', 'starts over'),
    Cell(9, 'export', '416 for a part that is complete', 'accepted, if its hash is correct'),
    Cell(10, 'export', 'gzip although the file was requested without encoding', 'starts over, then a failure'),
    Cell(11, 'export', '429 with `Retry-After: 1`', 'waits once, then succeeds'),
    Cell(12, 'export', '429 with `Retry-After: 99999`', 'does not wait: a typed failure'),
    Cell(13, 'export', '503 twice, then 200', 'succeeds'),
    Cell(14, 'export', '500 for one file of 100, permanently', 'the item is named, and no dataset appears'),
    Cell(15, 'export', 'a reset before the header', 'retried'),
    Cell(16, 'export', 'a reset in the middle of a file', 'resumes where it was interrupted'),
    Cell(17, 'export', 'no answer', 'retried after a timeout'),
    Cell(18, 'export', 'one byte a second', 'aborted as too slow, then resumed'),
    Cell(19, 'export', 'URLs expire at file 50', 'requested again; the first 49 are not fetched again'),
    Cell(20, 'export', '403 for a new URL too', '`AccessDenied`, without a loop'),
    Cell(21, 'export', '`next` on another host', 'refused; that host gets no request'),
    Cell(22, 'export', 'pages in a circle', 'detected'),
    Cell(23, 'export', 'the API redirects to another host', 'refused; no credential is sent'),
    Cell(24, 'export', 'a file redirects to a link-local address', 'refused'),
    Cell(25, 'export', 'a login page with 200 in place of an image', 'refused'),
    Cell(26, 'export', 'items called `../../x`, `/tmp/x`, `C:x`, NUL', 'stay inside, under other names'),
    Cell(27, 'export', 'names that differ by case or by Unicode form', 'both are kept, as two files'),
    Cell(28, 'export', 'names of 300 bytes, `CON`, a dot at the end', 'under other names'),
    Cell(29, 'export', 'URLs that differ by their query only', 'two files'),
    Cell(30, 'export', 'fewer items than announced', 'a failure'),
    Cell(31, 'export', 'four processes with one cache', 'the same dataset four times'),
    Cell(32, 'export', 'the same on a file system without locks', 'the same dataset four times'),
    Cell(33, 'export', 'partial files under this process id', 'never taken for complete'),
    Cell(34, 'export', 'the disk is full at any file', 'stops with `DiskFull`; goes on when there is space'),
    Cell(35, 'export', 'SIGKILL at any event of the file system', 'resumes; complete files are not fetched again'),
    Cell(36, 'export', 'SIGTERM; SIGINT, once and twice', '143; 130, at once'),
    Cell(
        37,
        'convert',
        'SIGKILL at any event of the file system',
        'the run can be resumed, with the same result',
        (_RESUME + 'test_a_kill_at_any_moment_can_be_resumed',),
    ),
    Cell(
        38,
        'convert',
        'a converter raises at some item',
        'the old dataset stays',
        (_PUBLISH + 'test_replace_keeps_the_old_one_when_the_block_raises',),
    ),
    Cell(39, 'convert', 'the disk is full', 'nothing appears'),
    Cell(
        40,
        'convert',
        'other filters, options or code',
        'another dataset, never a stale one',
        (
            'backends/synapse/test_synapse_export.py::test_filters_and_splits_make_another_dataset',
            _RESUME + 'test_another_target_format_converts_again_and_exports_no_more',
        ),
    ),
    Cell(41, 'convert', 'a file was edited after its export', 'detected before it is reused'),
    Cell(
        42,
        'convert',
        'two conversions into one folder',
        'one appears, the other is an error; runs have folders of their own',
        (_PUBLISH + 'test_staging_refuses_what_was_taken_meanwhile',),
    ),
    Cell(
        43,
        'convert',
        'a published file is deleted or edited',
        '`verify` reports it, and a resumed run makes it again',
        (
            _RESUME + 'test_what_is_not_whole_is_made_again',
            'cli/test_verify.py::test_a_run_is_whole_until_something_is_touched',
        ),
    ),
    Cell(
        44,
        'checkpoint',
        'a member called `../x`, `/x` or `a\\b`',
        'the archive is refused',
        (_ARCHIVE + 'test_names_that_lead_elsewhere_are_refused',),
    ),
    Cell(
        45,
        'checkpoint',
        'links and devices in an archive',
        'the archive is refused',
        (
            _ARCHIVE + 'test_tar_members_that_are_no_files_are_refused',
            _ARCHIVE + 'test_zip_members_that_are_no_files_are_refused',
        ),
    ),
    Cell(
        46,
        'checkpoint',
        'an archive bomb',
        'stopped by a limit; nothing stays',
        (_ARCHIVE + 'test_a_bomb_is_stopped_while_it_goes_off', _ARCHIVE + 'test_limits'),
    ),
    Cell(
        47,
        'checkpoint',
        'a wrong checksum; SIGKILL while it is unpacked',
        'unpacked anew; never half a folder',
        (_ARCHIVE + 'test_a_wrong_checksum',),
    ),
    Cell(
        48,
        'checkpoint',
        'a member twice',
        'the archive is refused',
        (_ARCHIVE + 'test_members_that_meet_are_refused',),
    ),
    Cell(
        49,
        'checkpoint',
        'a pickle with a global that is not allowed',
        'refused before loading; the global is named',
        ('storage/test_storage_pickles.py::test_what_runs_code_is_refused_by_its_name',),
    ),
    Cell(
        50,
        'train',
        'a plugin raises',
        'its own frames are shown',
        (_RUN + 'test_an_error_keeps_its_frames_and_gets_a_name',),
    ),
    Cell(
        51,
        'train',
        'a stage hangs',
        'ended after the deadline that it was given, with its processes; a typed error',
        (
            _DEADLINE + 'test_a_stage_that_hangs_is_ended_and_not_tried_again',
            _DEADLINE + 'test_processes_of_the_stage_are_killed_and_earlier_ones_are_not',
            _DEADLINE + 'test_native_code_that_does_not_return_ends_with_its_process',
        ),
    ),
    Cell(
        52,
        'train',
        '`SystemExit`, `KeyboardInterrupt`',
        'cleaned up',
        (
            _RUN + 'test_system_exit_in_a_plugin_is_a_failure_with_clean_up',
            _RUN + 'test_a_signal_cancels_the_run_cleans_up_and_can_be_resumed',
        ),
    ),
    Cell(
        53,
        'train',
        'a child is killed; one of two ranks dies',
        'a typed error, no process stays; ranks are ended by what started them, as `torchrun`',
        ('cli/test_interrupted_conversion.py::test_a_worker_that_is_killed_is_a_clear_error',),
    ),
    Cell(
        54, 'train', 'the weights are not there', 'a failure', (_RUN + 'test_weights_that_do_not_exist_are_a_failure',)
    ),
    Cell(55, 'upload', 'SIGKILL after chunk 2 of 4; at any event', 'goes on with chunk 3; one upload, one model'),
    Cell(56, 'upload', 'the server has fewer bytes than were sent', 'goes on with what the server has'),
    Cell(
        57,
        'upload',
        'the answer to the end or to the creation is lost',
        'exactly one model',
        (
            'backends/synapse/test_synapse_models.py::test_a_lost_answer_to_the_creation_makes_no_second_model',
            'backends/synapse/test_synapse_models.py::test_a_lost_answer_to_a_chunk_or_the_end_is_asked_again',
        ),
    ),
    Cell(58, 'upload', 'the file is changed between two attempts', 'starts over; two files are never mixed'),
    Cell(
        59,
        'metrics',
        'the backend is down for the whole run; SIGKILL',
        'delivered later, nothing lost and nothing twice',
        (
            _SINKS + 'test_an_unavailable_sink_gets_everything_later',
            'backends/synapse/test_synapse_jobs.py::test_what_could_not_be_delivered_comes_later_once',
            'backends/synapse/test_synapse_jobs.py::test_a_run_that_was_killed_is_found_by_the_next_one',
        ),
    ),
    Cell(
        60,
        'metrics',
        'the last line of the journal is torn',
        'the lines before it are delivered',
        (
            'journal/test_journal.py::test_a_torn_line_is_ended_and_never_edited',
            _SINKS + 'test_an_unfinished_or_damaged_line_does_not_stop_the_delivery',
        ),
    ),
    Cell(
        61,
        'plugins',
        'an import error, a wrong version, a name twice',
        'set apart, and named',
        ('plugins/test_discovery.py::test_damaged_metadata_are_one_broken_plugin',),
    ),
    Cell(62, 'everywhere', 'a clock that is a day off; a fork with an open client', 'no difference'),
    Cell(
        63,
        'convert',
        'a kept conversion is edited, or one of its files deleted',
        'noticed before the next run uses it: discarded with a warning, and made anew',
        (
            _KEEPING + 'test_a_conversion_that_was_edited_is_made_anew_and_said_so',
            _KEPT + 'test_what_comes_later_does_not_count_and_what_was_changed_does',
            _KEPT + 'test_a_deleted_file_is_missed',
        ),
    ),
    Cell(
        64,
        'convert',
        'a kept conversion is pruned',
        'never while a run uses it; a run that goes on later converts again',
        (
            _KEEPING + 'test_an_entry_is_not_pruned_while_a_run_uses_it_and_the_run_goes_on_without_it',
            _KEEPING + 'test_a_run_that_goes_on_holds_what_it_uses',
            _KEPT + 'test_an_entry_that_is_used_stays_until_it_is_not',
        ),
    ),
    Cell(
        65,
        'convert',
        'three runs convert the same at once',
        'all have the same dataset; later runs use one of them',
        (_KEEPING + 'test_two_processes_at_once_both_have_it',),
    ),
    Cell(
        66,
        'convert',
        'SIGKILL while a conversion is kept',
        'other runs are not harmed, the run goes on, and nothing is left in the store',
        (
            _KEEPING + 'test_a_run_that_is_killed_while_it_keeps_harms_no_other',
            _KEPT + 'test_a_process_that_was_killed_uses_nothing',
        ),
    ),
    Cell(
        67,
        'convert',
        'a run directory is copied to where there is no store',
        'it converts again, and goes on',
        (_KEEPING + 'test_a_run_directory_that_is_copied_to_where_there_is_no_store_goes_on',),
    ),
    Cell(
        68,
        'convert',
        'the cache is on another disk, or cannot be written',
        'nothing is kept; the run has a conversion of its own',
        (
            _KEEPING + 'test_another_file_system_keeps_nothing',
            _KEEPING + 'test_a_cache_that_cannot_be_written_keeps_nothing',
        ),
    ),
    Cell(
        69,
        'convert',
        'links cannot be made when a kept conversion is to be used',
        'the run has a conversion of its own, with its cache',
        ('steps/test_trainer_cache.py::test_a_run_that_cannot_link_to_a_kept_conversion_has_its_own_with_its_cache',),
    ),
    Cell(
        70,
        'export',
        'a dataset that is read in place is edited, or loses a file, while its run is interrupted',
        'noticed when the run is resumed, which ends with an error that names the dataset',
        ('steps/test_in_place.py::test_a_run_that_is_resumed_notices_what_became_of_the_workspace',),
    ),
)
BY_NUMBER = {cell.number: cell for cell in CELLS}


def marked() -> dict[int, list[str]]:
    """The tests of this folder that hold a cell, as `file::name` below `tests`, by the cell's number."""
    found: dict[int, list[str]] = {}
    for file in sorted(Path(__file__).parent.glob('test_*.py')):
        for node in ast.parse(file.read_text(encoding='utf-8')).body:
            if isinstance(node, ast.FunctionDef):
                for number in _cells(node):
                    found.setdefault(number, []).append(f'faults/{file.name}::{node.name}')
    return found


def _cells(test: ast.FunctionDef) -> list[int]:
    calls = [call for call in test.decorator_list if isinstance(call, ast.Call)]
    return [
        argument.value
        for call in calls
        if isinstance(call.func, ast.Name) and call.func.id == 'cell'
        for argument in call.args
        if isinstance(argument, ast.Constant) and isinstance(argument.value, int)
    ]


def table() -> str:
    """The matrix as a table in Markdown."""
    held = marked()
    rows = ['| | stage | fault | outcome | tested by |', '| --- | --- | --- | --- | --- |']
    for cell in CELLS:
        tests = [*held.get(cell.number, []), *cell.elsewhere]
        by = [f'`{test.partition("::")[2]}`' for test in tests]
        by += [f'missing: {cell.missing}'] if cell.missing else []
        fault = cell.fault.replace('|', r'\|')
        rows.append(f'| {cell.number} | {cell.stage} | {fault} | {cell.promise} | {"<br>".join(by)} |')
    return '\n'.join(rows)

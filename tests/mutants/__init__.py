"""Whether the tests notice when a check is gone: `./dev mutants`.

Every check that refuses something, in the server (`server.py`) and in the client
(`static/tests/mutants/`), is switched off in memory, one at a time; nothing is written into the
checkout. A case that passes with the check and fails without it has caught the mutant. Only cases
in which the check refuses something can notice, so each suite is run once to see which those are.

The checks are found in the source, by `need(…)`, by what is raised and by the ids of refusals, and
tests compare what was found with SPEC.md: a refusal without a check fails them, and so does an id
that stands anywhere but at a check. A check that only repeats another one stands in
`equivalent.py` with the other's name, and counts as such only if a case fails without both.

Not switched off: the parts of one condition (`need(a and b, …)` is one check); what a query, a
database constraint, a serializer's field, a permission class or a setting keeps out; what is passed
over in silence instead of refused; faults of ours (`TypeError`, `RuntimeError`); the pages. The
cases are those that run the code in the tests' own process: on the server not `tests/e2e` and
`tests/evil`, in the client not `tests/pages`.
"""

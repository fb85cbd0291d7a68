"""Fails a statement that reads or changes a merchant's rows without saying which merchant's.

A primary key alone is the classic leak: `WHERE id = 7` answers for everybody's card 7. So
each table with a `merchant_id` (and each alias of one) that a SELECT, UPDATE or DELETE
touches must be tied by that column, in WHERE or ON of the same level, to something known: a
value, a table that is tied itself, or a row of the statement around it. Statements that must
look across merchants say why: `.execution_options(tenant_exempt="...")`.

SQL written as text passes: the application writes none, and tests look where they like.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import Column, Delete, Engine, Select, Table, Update, event
from sqlalchemy.sql import operators
from sqlalchemy.sql.elements import (
    BinaryExpression,
    BooleanClauseList,
    ClauseElement,
    ColumnClause,
    Grouping,
)
from sqlalchemy.sql.selectable import CTE, Alias, FromClause, Join, Subquery, TableClause

_OPTION = "tenant_exempt"
_TYING = (operators.eq, operators.in_op, operators.is_)

# A table or alias of a statement, and what a condition ties it to (None: something known).
Tie = tuple[FromClause, FromClause | None]


class TenantLeak(AssertionError):
    """A merchant-owned table is touched without its merchant."""


def install(engine: Engine) -> None:
    """Watch what `engine` executes. Statements that differ in values only are looked at once."""
    passed: set[object] = set()

    @event.listens_for(engine, "before_execute")
    def _watch(
        _connection: object,
        statement: ClauseElement,
        _many: object,
        _parameters: object,
        options: dict[str, Any],
    ) -> None:
        if options.get(_OPTION):
            return
        structure = statement._generate_cache_key()
        if structure is None or structure.key not in passed:
            check(statement)
        if structure is not None:
            passed.add(structure.key)


def check(statement: ClauseElement) -> None:
    """Look through a statement, its subqueries and its CTEs.

    Raises:
        TenantLeak: naming the table and the statement.
    """
    _check(statement, frozenset(), seen=set())


def _check(element: Any, around: frozenset[FromClause], *, seen: set[FromClause]) -> None:
    """`around`: the tables of the statements around, to which a subquery may be tied."""
    if isinstance(element, Subquery | CTE):
        if element in seen:
            return
        seen.add(element)
        around = frozenset()  # stands for itself
    if isinstance(element, Select | Update | Delete):
        around |= _check_level(element, around)
    for child in element.get_children():
        if not isinstance(child, ColumnClause | TableClause):
            _check(child, around, seen=seen)


def _check_level(
    statement: Select[Any] | Update | Delete, around: frozenset[FromClause]
) -> frozenset[FromClause]:
    froms = list(_flat(_froms(statement)))
    conditions = [part for clause in _clauses(statement, froms) for part in _conjuncts(clause)]
    touched = {source for source in froms if not isinstance(source, Join)}
    # UPDATE and DELETE name their other tables in the conditions only.
    touched |= {column.table for part in conditions for column in _columns(part)}
    touched -= around
    ties = [tie for part in conditions for tie in _ties(part, touched)]
    for source in touched:
        if _is_owned(source) and not _is_tied(source, ties, seen=set()):
            raise TenantLeak(f"{source.description} is touched without its merchant:\n{statement}")
    return frozenset(touched)


def _froms(statement: Select[Any] | Update | Delete) -> Iterable[FromClause]:
    if isinstance(statement, Select):
        return statement.get_final_froms()
    return [statement.table]


def _flat(froms: Iterable[FromClause]) -> Iterator[FromClause]:
    for source in froms:
        yield source
        if isinstance(source, Join):
            yield from _flat([source.left, source.right])


def _clauses(
    statement: Select[Any] | Update | Delete, froms: Iterable[FromClause]
) -> Iterator[ClauseElement]:
    if statement.whereclause is not None:
        yield statement.whereclause
    for source in froms:
        if isinstance(source, Join) and source.onclause is not None:
            yield source.onclause


def _conjuncts(clause: Any) -> Iterator[ClauseElement]:
    """What must all be true. The arms of an OR are not: one of them may name no merchant."""
    if isinstance(clause, Grouping):
        yield from _conjuncts(clause.element)
    elif isinstance(clause, BooleanClauseList) and clause.operator is operators.and_:
        for part in clause.clauses:
            yield from _conjuncts(part)
    else:
        yield clause


def _columns(clause: ClauseElement) -> Iterator[Column[Any]]:
    """The columns a condition names, but not those inside its subqueries."""
    if isinstance(clause, Column):
        yield clause
    elif not isinstance(clause, Select):
        for child in clause.get_children():
            yield from _columns(child)


def _ties(part: ClauseElement, touched: set[FromClause]) -> Iterator[Tie]:
    if not isinstance(part, BinaryExpression) or part.operator not in _TYING:
        return
    sides = [_tenant_of(side, touched) for side in (part.left, part.right)]
    for one, other in (sides, reversed(sides)):
        if one is not None and one is not other:
            yield one, other


def _tenant_of(side: Any, touched: set[FromClause]) -> FromClause | None:
    """The table of this level whose merchant the column `side` is."""
    if not isinstance(side, Column) or side.table not in touched:
        return None
    merchants_own = _table(side.table).name == "merchants" and side.name == "id"
    return side.table if merchants_own or side.name == "merchant_id" else None


def _is_tied(source: FromClause, ties: list[Tie], *, seen: set[FromClause]) -> bool:
    seen.add(source)
    others = [other for one, other in ties if one is source or one == source]
    return any(
        other is None or (other not in seen and _is_tied(other, ties, seen=seen))
        for other in others
    )


def _is_owned(source: FromClause) -> bool:
    table = _table(source)
    return isinstance(table, Table) and "merchant_id" in table.columns


def _table(source: Any) -> Any:
    return _table(source.element) if type(source) is Alias else source

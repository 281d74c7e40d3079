"""What a query costs and how much a client may spend: the leaky bucket of Shopify's GraphQL API.

https://shopify.dev/docs/api/usage/limits
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    VariableNode,
)

MUTATION_COST = 10
WRAPPERS = frozenset({"edges", "nodes", "node", "pageInfo"})


@dataclass(frozen=True, slots=True)
class Limits:
    """Points. The defaults are those seen on a Standard plan; `unlimited` is for measuring others."""

    bucket_points: float = 2000.0
    restore_points_per_s: float = 100.0
    query_points_max: int = 1000
    unlimited: bool = False


class Bucket:
    def __init__(self, limits: Limits, now: Callable[[], float] = time.monotonic) -> None:
        self.limits = limits
        self._now = now
        self._points = limits.bucket_points
        self._at_s = now()

    def take(self, points: float) -> bool:
        self._restore()
        if self.limits.unlimited:
            return True
        if points > self._points:
            return False
        self._points -= points
        return True

    def give_back(self, points: float) -> None:
        self._points = min(self._points + points, self.limits.bucket_points)

    def drain(self) -> None:
        """Leave nothing, as if another app had spent it."""
        self._restore()
        self._points = 0.0

    def wait_s(self, points: float) -> float:
        return max((points - self._points) / self.limits.restore_points_per_s, 0.0)

    def status(self) -> dict[str, float]:
        return {
            "maximumAvailable": self.limits.bucket_points,
            "currentlyAvailable": float(int(self._points)),
            "restoreRate": self.limits.restore_points_per_s,
        }

    def _restore(self) -> None:
        now_s = self._now()
        self._points = min(
            self._points + (now_s - self._at_s) * self.limits.restore_points_per_s, self.limits.bucket_points
        )
        self._at_s = now_s


def requested_cost(document: DocumentNode, operation: OperationDefinitionNode, variables: Mapping[str, Any]) -> int:
    """Object 1, scalar 0, mutation 10, a connection as many times as it may return; the rest is not published."""
    fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
    counter = _Counter(fragments, variables)
    if operation.operation is OperationType.MUTATION:
        return sum(
            MUTATION_COST for selection in operation.selection_set.selections if isinstance(selection, FieldNode)
        )
    return counter.cost(operation.selection_set, root=True)


def actual_cost(data: Mapping[str, Any] | None) -> int:
    """Each object in an answer's `data`; connections, edges and page infos are only their wrapping."""
    return sum(_objects(value) for name, value in (data or {}).items() if name != "pageInfo")


def _objects(value: Any) -> int:
    if isinstance(value, list):
        return sum(map(_objects, value))
    if not isinstance(value, dict):
        return 0
    return actual_cost(value) + (0 if WRAPPERS & value.keys() else 1)


@dataclass
class _Counter:
    fragments: Mapping[str, FragmentDefinitionNode]
    variables: Mapping[str, Any]

    def cost(self, selections: SelectionSetNode, *, root: bool = False) -> int:
        total = 0
        for selection in selections.selections:
            if isinstance(selection, FieldNode):
                total += self._field(selection, root=root)
            elif isinstance(selection, InlineFragmentNode):
                total += self.cost(selection.selection_set)
            elif isinstance(selection, FragmentSpreadNode):
                total += self.cost(self.fragments[selection.name.value].selection_set)
        return total

    def _field(self, field: FieldNode, *, root: bool) -> int:
        if field.selection_set is None:
            return 0
        inside = self.cost(field.selection_set)
        arguments = {argument.name.value: argument.value for argument in field.arguments or ()}
        if root and field.name.value == "nodes":
            ids = self._value(arguments.get("ids"))
            return (1 + inside) * (len(ids) if isinstance(ids, list) else 1)
        if field.name.value in WRAPPERS and not root:
            return inside
        size = self._value(arguments.get("first")) or self._value(arguments.get("last"))
        is_connection = any(
            isinstance(s, FieldNode) and s.name.value in {"edges", "nodes"} for s in field.selection_set.selections
        )
        return (1 + inside) * size if is_connection and isinstance(size, int) else 1 + inside

    def _value(self, node: Any) -> Any:
        if isinstance(node, IntValueNode):
            return int(node.value)
        if isinstance(node, VariableNode):
            return self.variables.get(node.name.value)
        values = getattr(node, "values", None)
        return list(values) if values is not None else None

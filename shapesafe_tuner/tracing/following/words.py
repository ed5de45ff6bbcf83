"""What code may do in a check: the statements, calls and methods that leave no trace."""

from __future__ import annotations

import ast

__all__ = [
    "CHANGE_A_CONTAINER",
    "DRAW",
    "ENDS",
    "FUNCTIONS",
    "IMPURE",
    "LIBRARIES",
    "METHODS",
    "OF_MODELS",
    "SCOPES",
    "SET_ON_MODELS",
    "STATEMENTS",
]

ENDS = frozenset({"fit", "run_trial", "_build_and_fit_model"})
"""Calls at which following ends, or goes on in code that is looked at by itself."""

FUNCTIONS = frozenset({
    "abs", "bool", "dict", "float", "int", "isinstance", "len", "print", "range", "round", "slice",
    "str", "super", "type",
})  # fmt: skip

DRAW = frozenset({
    "all", "any", "enumerate", "filter", "list", "map", "next", "reversed", "set", "sorted", "sum",
    "tuple", "zip",
})  # fmt: skip
"""Functions that take elements of what they get, which empties a generator."""

METHODS = frozenset({
    "Boolean", "Choice", "Fixed", "Float", "Int", "all", "any", "argmax", "argsort", "astype",
    "batch", "build", "cache", "cardinality", "clip", "copy", "count", "cumsum", "diff", "dot",
    "drop", "dropna", "endswith", "enumerate", "fillna", "filter", "flat_map", "flatten", "format",
    "from_generator", "from_tensor_slices", "get", "get_n_splits", "groupby", "head", "index",
    "interleave", "is_active", "item", "items", "join", "keys", "lower", "map", "max", "mean",
    "min", "nonzero", "padded_batch", "prefetch", "ravel", "rename", "repeat", "reset_index",
    "reshape", "rolling", "round", "sample", "set_index", "shard", "shift", "shuffle", "skip",
    "split", "squeeze", "startswith", "std", "strip", "sum", "swapaxes", "tail", "take", "to_frame",
    "to_numpy", "tolist", "transpose", "unbatch", "upper", "values", "var", "window",
    "with_options", "zip",
})  # fmt: skip

CHANGE_A_CONTAINER = frozenset({
    "add", "append", "clear", "extend", "insert", "pop", "remove", "reverse", "setdefault", "sort",
    "update",
})  # fmt: skip

OF_MODELS = frozenset({
    "adapt", "add", "assign", "build", "choice", "compile", "compute_output_shape", "count_params",
    "fit_transform", "flow", "get_config", "get_layer", "integers", "normal", "partial_fit",
    "permutation", "permuted", "pop", "randint", "random", "standard_normal", "summary", "to_json",
    "transform", "uniform",
})  # fmt: skip
"""Methods of what was made in the same run: models, what transforms, random generators."""

SET_ON_MODELS = frozenset({
    "beta_1", "clipnorm", "clipvalue", "jit_compile", "learning_rate", "lr", "momentum", "rate",
    "run_eagerly", "stop_training", "trainable", "weight_decay",
})  # fmt: skip

LIBRARIES = (
    "numpy", "tensorflow", "keras", "pandas", "scipy.interpolate", "scipy.ndimage", "scipy.signal",
    "scipy.stats", "sklearn.compose", "sklearn.decomposition", "sklearn.feature_extraction",
    "sklearn.feature_selection", "sklearn.impute", "sklearn.model_selection", "sklearn.pipeline",
    "sklearn.preprocessing", "sklearn.random_projection", "sklearn.utils", "math", "random", "time",
    "itertools", "functools", "collections", "operator", "gc", "posixpath", "ntpath", "genericpath",
)  # fmt: skip

IMPURE = frozenset({
    "copyto", "fill", "fromfile", "load", "load_weights", "memmap",
    "numpy_function", "open", "place", "put", "py_function", "put_along_axis", "putmask",
    "load_model", "read_csv", "save", "save_model", "save_weights", "savetxt", "savez",
    "set_floatx", "sleep", "to_csv", "tofile",
})  # fmt: skip

STATEMENTS = (
    ast.AnnAssign, ast.Assert, ast.Assign, ast.AugAssign, ast.Break, ast.Continue, ast.Delete,
    ast.Expr, ast.For, ast.FunctionDef, ast.If, ast.Import, ast.ImportFrom, ast.Pass, ast.Raise,
    ast.Return, ast.Try, ast.While, ast.With,
)  # fmt: skip

SCOPES = frozenset({"conditional_scope", "device", "name_scope", "scope"})

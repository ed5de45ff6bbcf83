"""Builds that invite a wrong merge: state in closures, lists, iterators, names, modules, caches."""

# ruff: noqa: SIM108, RET504, PLW2901, B905, F841, E741, E402, B006, RUF015, C417, B007
from __future__ import annotations

import contextlib
import functools
import itertools
from typing import Any

import keras
from keras import layers

L = layers


def head(inputs, x, units=2):
    return keras.Model(inputs, L.Dense(units)(L.Flatten()(x)))


def start(side=9):
    i = keras.Input((side, side, 1))
    return i, i


def conv(hp, x, n, ks=(1, 3, 5)):
    return L.Conv2D(2, hp.Choice(n, list(ks)))(x)


B: dict[str, Any] = {}


def adv(f):
    B[f.__name__] = f
    return f


@adv
def plain(hp):
    i, x = start()
    for k in range(3):
        x = conv(hp, x, f"k{k}")
        if hp.Boolean(f"p{k}"):
            x = L.MaxPooling2D(2)(x)
    return head(i, x)


@adv
def list_popped_later(hp):
    i, x = start()
    sizes = []
    for k in range(3):
        if hp.Boolean(f"p{k}"):
            sizes.append(k + 2)
        x = conv(hp, x, f"k{k}", (1, 2))
    while sizes:
        x = L.MaxPooling2D(sizes.pop())(x)
    return head(i, x)


@adv
def closure_counter(hp):
    i, x = start()
    n = 0

    def bump():
        nonlocal n
        n += 1

    for k in range(3):
        if hp.Boolean(f"p{k}"):
            bump()
        x = conv(hp, x, f"k{k}", (1, 2))
    for _ in range(n):
        x = L.Conv2D(1, 3)(x)
    return head(i, x)


@adv
def generator_state(hp):
    i, x = start()

    def gen():
        s = 1
        while True:
            if hp.Boolean(f"g{s}"):
                s += 1
            s += 1
            yield s

    g = gen()
    for k in range(2):
        w = next(g)
        del w
        x = conv(hp, x, f"k{k}", (1, 2))
    x = L.MaxPooling2D(next(g))(x)
    x = L.MaxPooling2D(2)(x)
    return head(i, x)


@adv
def generator_hidden_in_for(hp):
    i, x = start()

    def gen():
        extra = 0
        for k in range(3):
            if hp.Boolean(f"g{k}"):
                extra += 1
            yield 0
        if extra > 1:
            yield 1

    for w in gen():
        x = (
            conv(hp, x, f"k{len([])}{id(w) and x.shape[1]}", (1, 2))
            if w
            else L.Conv2D(1, hp.Choice("kk", [1, 2]))(x)
            if False
            else x
        )
        if w:
            x = L.Conv2D(1, 12)(x)
    return head(i, x)


def _default(hp, x, n, seen=[]):
    if n == 0:
        seen.clear()
    if hp.Boolean(f"p{n}"):
        seen.append(n)
    x = conv(hp, x, f"k{n}", (1, 2))
    return x, len(seen)


@adv
def mutable_default(hp):
    i, x = start()
    for k in range(3):
        x, m = _default(hp, x, k)
        if k < 2:
            m = 0
    for _ in range(m):
        x = L.Conv2D(1, 4)(x)
    return head(i, x)


@adv
def while_loop(hp):
    i, x = start(12)
    k = 0
    while hp.Boolean(f"more{k}") and k < 4:
        x = conv(hp, x, f"k{k}", (2, 4))
        k += 1
    x = L.Conv2D(1, 3)(x)
    return head(i, x)


@adv
def while_on_shape(hp):
    i, x = start(12)
    x = conv(hp, x, "k0", (1, 3, 5))
    n = 0
    while x.shape[1] > 4:
        x = conv(hp, x, f"s{n}", (2, 3))
        n += 1
    for _ in range(n):
        x = L.Conv2D(1, 2, padding="same")(x)
    x = L.Conv2D(1, 3)(x)
    return head(i, x)


@adv
def try_finally(hp):
    i, x = start()
    log = []
    for k in range(3):
        try:
            if hp.Boolean(f"p{k}"):
                raise KeyError(k)
            x = conv(hp, x, f"k{k}", (1, 2))
        except KeyError as e:
            log.append(e.args[0])
        finally:
            log.append(9) if len(log) % 2 else None
        x = conv(hp, x, f"q{k}", (1, 2))
    if len(log) > 2:
        x = L.Conv2D(1, 6)(x)
    return head(i, x)


@adv
def walrus_on_the_stack(hp):
    i, x = start()
    n = 1
    if hp.Boolean("a"):
        n = 6
    t = (n, n := 0, x := conv(hp, x, "k", (1, 3)), conv(hp, x, "k2", (1, 3)))
    x = L.Conv2D(1, t[0])(t[3])
    return head(i, x)


@adv
def walrus_nested_call(hp):
    i, x = start()
    n = 1
    if hp.Boolean("a"):
        n = 6

    def inner(x):
        x = conv(hp, x, "k", (1, 3))
        y = conv(hp, x, "k2", (1, 3))
        return y

    def pick(a, b, c):
        return L.Conv2D(1, a)(c)

    x = pick(n, n := 0, inner(x))
    return head(i, x)


@adv
def comprehension(hp):
    i, x = start()
    use = [hp.Boolean(f"p{k}") for k in range(3)]
    x = conv(hp, x, "k")
    for u in use:
        if u:
            x = L.MaxPooling2D(2)(x)
    return head(i, x)


@adv
def comprehension_with_layers(hp):
    i, x = start()
    ls = [L.Conv2D(1, hp.Choice(f"k{k}", [1, 3, 5])) for k in range(3) if hp.Boolean(f"p{k}")]
    for l in ls:
        x = l(x)
    return head(i, x)


@adv
def lambdas_capture(hp):
    i, x = start()
    fs = []
    for k in range(3):
        if hp.Boolean(f"p{k}"):
            fs.append(lambda t, k=k: L.Conv2D(1, k + 2)(t))
        else:
            fs.append(lambda t: L.Conv2D(1, k + 1)(t))
        x = conv(hp, x, f"k{k}", (1, 2))
    for f in fs:
        x = f(x)
    return head(i, x)


class Helper:
    calls = 0

    def __init__(self):
        self.n = 0
        self.items = []

    def step(self, hp, x, k):
        if hp.Boolean(f"p{k}"):
            self.n += 1
        return conv(hp, x, f"k{k}", (1, 2))


@adv
def helper_class(hp):
    i, x = start()
    h = Helper()
    for k in range(3):
        x = h.step(hp, x, k)
    for _ in range(h.n):
        x = L.Conv2D(1, 3)(x)
    return head(i, x)


@adv
def class_attribute(hp):
    i, x = start()
    Helper.calls = 0
    for k in range(3):
        if hp.Boolean(f"p{k}"):
            Helper.calls += 1
        x = conv(hp, x, f"k{k}", (1, 2))
    for _ in range(Helper.calls):
        x = L.Conv2D(1, 3)(x)
    return head(i, x)


COUNT = 0
STATE = {"n": 0}


@adv
def global_counter(hp):
    global COUNT
    i, x = start()
    COUNT = 0
    for k in range(3):
        if hp.Boolean(f"p{k}"):
            COUNT += 1
        x = conv(hp, x, f"k{k}", (1, 2))
    for _ in range(COUNT):
        x = L.Conv2D(1, 3)(x)
    return head(i, x)


@adv
def global_dict(hp):
    i, x = start()
    STATE["n"] = 0
    for k in range(3):
        if hp.Boolean(f"p{k}"):
            STATE["n"] += 1
        x = conv(hp, x, f"k{k}", (1, 2))
    for _ in range(STATE["n"]):
        x = L.Conv2D(1, 3)(x)
    return head(i, x)


def _bump():
    STATE["n"] += 1


def _get():
    return STATE["n"]


@adv
def global_dict_by_helpers(hp):
    i, x = start()
    STATE.update(n=0)
    for k in range(3):
        if hp.Boolean(f"p{k}"):
            _bump()
        x = conv(hp, x, f"k{k}", (1, 2))
    for _ in range(_get()):
        x = L.Conv2D(1, 3)(x)
    return head(i, x)


@adv
def globals_by_name(hp):
    i, x = start()
    globals()["STATE"] = {"n": 0}
    for k in range(3):
        if hp.Boolean(f"p{k}"):
            globals()["STATE"]["n"] += 1
        x = conv(hp, x, f"k{k}", (1, 2))
    for _ in range(_get()):
        x = L.Conv2D(1, 3)(x)
    return head(i, x)


@adv
def shape_read(hp):
    i, x = start()
    x = conv(hp, x, "k0")
    n = x.shape[1]
    x = L.Conv2D(1, 1)(x)
    x = conv(hp, x, "k1")
    x = L.Conv2D(1, (n + 1) // 2)(x)
    return head(i, x)


@adv
def recursion(hp):
    i, x = start()

    def rec(x, d):
        if d == 3:
            return x
        p = hp.Boolean(f"p{d}")
        x = conv(hp, x, f"k{d}", (1, 2))
        y = rec(x, d + 1)
        return L.Conv2D(1, 3)(y) if p else y

    return head(i, rec(x, 0))


@adv
def names_from_values(hp):
    i, x = start()
    a = hp.Choice("a", ["x", "y"])
    for k in range(2):
        x = conv(hp, x, f"{a}{k}")
        if hp.Boolean(f"{a}p{k}"):
            x = L.MaxPooling2D(2)(x)
    return head(i, x)


@adv
def conditional_scope(hp):
    i, x = start()
    a = hp.Choice("a", ["x", "y"])
    with hp.conditional_scope("a", ["x"]):
        if a == "x":
            x = conv(hp, x, "kx")
    with hp.conditional_scope("a", ["y"]):
        if a == "y":
            x = conv(hp, x, "ky")
    if hp.Boolean("p"):
        x = L.MaxPooling2D(2)(x)
    x = conv(hp, x, "kz")
    return head(i, x)


@adv
def read_twice(hp):
    i, x = start()
    x = conv(hp, x, "k")
    x = conv(hp, x, "m")
    if hp.Boolean("p"):
        x = L.MaxPooling2D(2)(x)
    x = conv(hp, x, "k")
    if hp.Boolean("p"):
        x = L.MaxPooling2D(2)(x)
    return head(i, x)


@adv
def read_in_one_arm(hp):
    i, x = start()
    if hp.Boolean("a"):
        x = conv(hp, x, "k")
    else:
        x = conv(hp, x, "m")
    x = L.Conv2D(1, 1)(x)
    x = conv(hp, x, "k")
    return head(i, x)


@adv
def other_range_in_one_arm(hp):
    i, x = start()
    if hp.Boolean("a"):
        hp.Int("k", 1, 3)
    x = L.Conv2D(1, hp.Int("k", 1, 9))(x)
    x = L.Conv2D(1, 3)(x)
    return head(i, x)


@adv
def shared_layer(hp):
    i = keras.Input((9, 9, 2))
    x = i
    shared = L.Conv2D(2, hp.Choice("s", [1, 3]))
    x = shared(x)
    x = conv(hp, x, "k")
    x = shared(x)
    if hp.Boolean("p"):
        x = L.MaxPooling2D(2)(x)
    x = shared(x)
    return head(i, x)


@adv
def shared_channels(hp):
    i = keras.Input((9, 9, 2))
    x = i
    shared = L.Conv2D(2, 1)
    w = hp.Choice("w", [2, 3])
    if w == 2:
        x = shared(x)
    else:
        x = shared(L.Conv2D(3, 1)(x))
    x = conv(hp, x, "k")
    x = L.Conv2D(2, 1)(x)
    x = conv(hp, x, "k2")
    x = shared(x)
    return head(i, x)


@adv
def last_layer_output(hp):
    m = keras.Sequential([keras.Input((9, 9, 1))])
    for k in range(2):
        m.add(L.Conv2D(2, hp.Choice(f"k{k}", [1, 3])))
        if hp.Boolean(f"p{k}"):
            m.add(L.MaxPooling2D(2))
    x = m.layers[-1].output
    x = L.Conv2D(1, 3)(x)
    return keras.Model(m.inputs, L.Dense(1)(L.Flatten()(x)))


@adv
def model_pop(hp):
    m = keras.Sequential([keras.Input((9, 9, 1))])
    for k in range(2):
        m.add(L.Conv2D(2, hp.Choice(f"k{k}", [1, 3])))
        if hp.Boolean(f"p{k}"):
            m.add(L.MaxPooling2D(2))
    if hp.Boolean("pop"):
        m.pop()
    m.add(L.Conv2D(1, 3))
    m.add(L.Flatten())
    m.add(L.Dense(1))
    return m


@adv
def count_layers(hp):
    m = keras.Sequential([keras.Input((9, 9, 1))])
    for k in range(2):
        m.add(L.Conv2D(2, hp.Choice(f"k{k}", [1, 3])))
        if hp.Boolean(f"p{k}"):
            m.add(L.Conv2D(1, 1))
    m.add(L.Conv2D(1, hp.Choice("z", [1, 2])))
    if len(m.layers) > 4:
        m.add(L.Conv2D(1, 9))
    m.add(L.Flatten())
    m.add(L.Dense(1))
    return m


@adv
def nested_model_again(hp):
    a = keras.Input((9, 9, 1))
    y = a
    for k in range(2):
        y = L.Conv2D(1, hp.Choice(f"k{k}", [1, 3]))(y)
        if hp.Boolean(f"p{k}"):
            y = L.Conv2D(1, 1)(y)
    inner = keras.Model(a, y)
    b = keras.Input((9, 9, 1))
    x = inner(b)
    z = keras.Input((9, 9, 1))
    return head(b, x)


@adv
def nested_model_small(hp):
    a = keras.Input((None, None, 1))
    y = a
    for k in range(2):
        y = L.Conv2D(1, hp.Choice(f"k{k}", [1, 3]))(y)
        if hp.Boolean(f"p{k}"):
            y = L.Conv2D(1, 3)(y)
    inner = keras.Model(a, y)
    b = keras.Input((7, 7, 1))
    x = conv(hp, b, "z")
    x = inner(x)
    return head(b, x)


@adv
def same_layer_names(hp):
    i, x = start()
    if hp.Boolean("a"):
        x = L.Conv2D(1, 1, name="c")(x)
    else:
        x = L.Conv2D(1, 1, name="d")(x)
    x = conv(hp, x, "k")
    x = conv(hp, x, "k2")
    x = L.Conv2D(1, 3, name="c")(x)
    return head(i, x)


@adv
def auto_name_collision(hp):
    i, x = start()
    if hp.Boolean("a"):
        x = L.Conv2D(1, 1)(x)
    else:
        x = L.Conv2D(1, 1, name="other")(x)
    x = L.Conv2D(2, hp.Choice("k", [1, 3]), name="q1")(x)
    x = L.Conv2D(2, hp.Choice("k2", [1, 3]), name="q2")(x)
    x = L.Conv2D(1, 3, name="conv2d")(x)
    return head(i, x)


@adv
def layer_name_read(hp):
    i, x = start()
    if hp.Boolean("a"):
        x = L.Conv2D(1, 1)(x)
    x = conv(hp, x, "k")
    l = L.Conv2D(1, 3)
    x = l(x)
    x = conv(hp, x, "k2", (1, 2))
    x = L.Conv2D(1, 3 if l.name.endswith("_1") else 5)(x)
    return head(i, x)


@adv
def reduce_state(hp):
    i, x = start()

    def f(acc, k):
        n, x = acc
        if hp.Boolean(f"p{k}"):
            n += 1
        x = conv(hp, x, f"k{k}", (1, 2))
        return n, x

    n, x = functools.reduce(f, range(3), (0, x))
    for _ in range(n):
        x = L.Conv2D(1, 3)(x)
    return head(i, x)


@adv
def map_filter(hp):
    i, x = start()
    for k in filter(lambda k: hp.Boolean(f"p{k}"), range(3)):
        x = conv(hp, x, f"k{k}")
    for s in map(lambda k: hp.Choice(f"q{k}", [1, 3]), range(2)):
        x = L.Conv2D(1, s)(x)
    return head(i, x)


class Iter:
    def __init__(s, hp):
        s.hp = hp
        s.n = 0
        s.c = 0

    def __iter__(s):
        return s

    def __next__(s):
        if s.n == 3:
            raise StopIteration
        s.n += 1
        if s.hp.Boolean(f"p{s.n}"):
            s.c += 1
        return s.c if s.n == 3 else 0


@adv
def own_iterator(hp):
    i, x = start()
    for w in Iter(hp):
        x = conv(hp, x, f"k{x.shape[1]}", (1, 2)) if False else x
        for _ in range(w):
            x = L.Conv2D(1, 4)(x)
    x = conv(hp, x, "k")
    return head(i, x)


@adv
def hidden_list_aliased(hp):
    i, x = start()
    skips = [1]
    for s in skips:
        if hp.Boolean(f"a{len(skips)}"):
            skips = skips[:]
        x = conv(hp, x, f"k{len(skips)}{s}", (1, 2))
        if len(skips) < 4:
            skips.append(2)
    x = L.Conv2D(1, 3)(x)
    return head(i, x)


@adv
def same_item_iterations(hp):
    i, x = start(12)
    n = 0
    for f in [3, 3, 3]:
        if hp.Boolean(f"p{n}"):
            n += 1
            continue
        x = L.Conv2D(1, f)(x)
        x = conv(hp, x, f"k{n}", (1, 2))
    x = L.Conv2D(1, 4)(x)
    return head(i, x)


@adv
def shared_iterator(hp):
    i, x = start()
    it = iter([1, 2, 3, 4, 5, 6])
    for a in it:
        if hp.Boolean(f"p{a}"):
            next(it, None)
        x = L.Conv2D(1, hp.Choice(f"k{a}", [1, 2]))(x)
        x = L.Conv2D(1, 2)(x)
    return head(i, x)


@adv
def deleted_shared_iterator(hp):
    i, x = start(11)
    it = iter([3, 3, 3, 3, 3, 3])
    first = True
    for a in it:
        if first:
            if hp.Boolean("p"):
                next(it, None)
            first = False
            del it
        x = L.Conv2D(1, 3)(x)
        x = conv(hp, x, f"k{x.shape[1]}", (1,))
    return head(i, x)


class Box:
    pass


@adv
def attribute_of_a_list_item(hp):
    i, x = start()
    box = Box()
    box.n = [Box()]
    box.n[0].m = 0

    def go(b, k):
        if hp.Boolean(f"p{k}"):
            b.n[0].m += 1

    for k in range(3):
        go(box, k)
        x = conv(hp, x, f"k{k}", (1, 2))
    for _ in range(box.n[0].m):
        x = L.Conv2D(1, 3)(x)
    return head(i, x)


@adv
def dict_order(hp):
    i, x = start()
    d = {}
    if hp.Boolean("a"):
        d["p"] = 1
        d["q"] = 2
    else:
        d["q"] = 2
        d["p"] = 1
    x = conv(hp, x, "k")
    x = conv(hp, x, "k2", (1, 2))
    if list(d)[0] == "p":
        x = L.Conv2D(1, 4)(x)
    return head(i, x)


@adv
def sharing_of_lists(hp):
    i, x = start()
    a = []
    b = a if hp.Boolean("s") else []
    x = conv(hp, x, "k")
    x = conv(hp, x, "k2", (1, 2))
    a.append(1)
    if b:
        x = L.Conv2D(1, 4)(x)
    return head(i, x)


@adv
def sharing_of_tensors(hp):
    i, x = start()
    y = L.Conv2D(1, 1)(x)
    z = y if hp.Boolean("s") else L.Conv2D(1, 1)(x)
    w = conv(hp, x, "k")
    if z is y:
        w = L.Conv2D(1, 5)(w)
    return keras.Model(i, [L.Flatten()(w), L.Flatten()(L.Concatenate()([y, z]))])


@adv
def true_and_one(hp):
    i, x = start()
    n = hp.Choice("n", [1, 3])
    m = 1
    if hp.Boolean("a"):
        m = True
    x = conv(hp, x, "k")
    x = conv(hp, x, "k2", (1, 2))
    if repr(m) == "True":
        x = L.Conv2D(1, 4)(x)
    return head(i, x)


@adv
def partial_state(hp):
    i, x = start()
    f = functools.partial(L.Conv2D, 1, 3) if hp.Boolean("a") else functools.partial(L.Conv2D, 1, 5)
    x = conv(hp, x, "k")
    x = conv(hp, x, "k2", (1, 2))
    return head(i, f()(x))


@adv
def ternary_and_boolop(hp):
    i, x = start()
    for k in range(3):
        x = (
            L.MaxPooling2D(2)(x)
            if hp.Boolean(f"p{k}") and x.shape[1] > 2
            else conv(hp, x, f"k{k}", (1, 2))
        )
    return head(i, x)


@adv
def opaque_arithmetic(hp):
    i, x = start()
    k = hp.Choice("k", [1, 3, 5])
    x = L.Conv2D(1, k)(x)
    x = conv(hp, x, "m", (1, 2))
    x = L.Conv2D(1, k + 1)(x)
    if k > 2:
        x = L.Conv2D(1, 2)(x)
    return head(i, x)


@adv
def opaque_in_a_list(hp):
    i, x = start()
    ks = [hp.Choice(f"k{n}", [1, 3]) for n in range(3)]
    for k in ks:
        x = L.Conv2D(1, k)(x)
    x = conv(hp, x, "m", (1, 2))
    for k in reversed(ks):
        x = L.Conv2D(1, k, padding="same")(x)
    x = L.Conv2D(1, ks.pop(0))(x)
    return head(i, x)


@adv
def string_choice_shown(hp):
    i, x = start()
    for k in range(3):
        kind = hp.Choice(f"t{k}", ["conv", "max", "none"])
        if kind == "conv":
            x = conv(hp, x, f"k{k}", (1, 2))
        elif kind == "max":
            x = L.MaxPooling2D(2)(x)
    return head(i, x)


@adv
def with_block(hp):
    i, x = start()

    @contextlib.contextmanager
    def ctx(k):
        nonlocal_n.append(k) if hp.Boolean(f"c{k}") else None
        yield
        if len(nonlocal_n) > 1:
            done.append(1)

    nonlocal_n = []
    done = []
    for k in range(3):
        with ctx(k):
            x = conv(hp, x, f"k{k}", (1, 2))
    for _ in done:
        x = L.Conv2D(1, 4)(x)
    return head(i, x)


@adv
def skip_connections(hp):
    i, x = start(12)
    skips = []
    for k in range(2):
        x = L.Conv2D(
            2, hp.Choice(f"k{k}", [1, 3]), padding="same" if hp.Boolean(f"s{k}") else "valid"
        )(x)
        skips.append(x)
        x = L.MaxPooling2D(2)(x)
    for k, s in enumerate(reversed(skips)):
        x = L.UpSampling2D(2)(x)
        x = L.Concatenate()([x, s])
        x = L.Conv2D(2, hp.Choice(f"u{k}", [1, 3]), padding="same")(x)
    return head(i, x)


@adv
def int_blocks(hp):
    i, x = start(12)
    for k in range(hp.Int("n", 1, 4)):
        x = conv(hp, x, f"k{k}", (1, 3))
        if hp.Boolean(f"p{k}"):
            x = L.MaxPooling2D(2)(x)
    for k in range(hp.Int("m", 1, 3)):
        x = conv(hp, x, f"j{k}", (1, 2))
    return head(i, x)


@adv
def hp_values(hp):
    i, x = start()
    x = conv(hp, x, "k")
    x = conv(hp, x, "m")
    if hp.values.get("k") == 3:
        x = L.Conv2D(1, 3)(x)
    return head(i, x)


@adv
def hp_get(hp):
    i, x = start()
    x = conv(hp, x, "k")
    x = conv(hp, x, "m")
    if hp.get("k") == 3:
        x = L.Conv2D(1, 3)(x)
    return head(i, x)


@adv
def name_scope(hp):
    i, x = start()
    for k in range(2):
        with hp.name_scope(f"b{k}"):
            x = conv(hp, x, "k")
            if hp.Boolean("p"):
                x = L.MaxPooling2D(2)(x)
    return head(i, x)


@adv
def swallowed(hp):
    i, x = start(4)
    for k in range(2):
        try:
            x = conv(hp, x, f"k{k}")
        except ValueError:
            x = L.Conv2D(1, 1)(x)
    return head(i, x)


@adv
def exec_state(hp):
    i, x = start()
    env = {"n": 0}
    for k in range(3):
        if hp.Boolean(f"p{k}"):
            exec("n+=1", env)
        x = conv(hp, x, f"k{k}", (1, 2))
    for _ in range(env["n"]):
        x = L.Conv2D(1, 3)(x)
    return head(i, x)


@adv
def lru_cached(hp):
    i, x = start()

    @functools.lru_cache(None)
    def depth(k):
        return hp.Boolean(f"p{k}")

    for k in range(3):
        if depth(k):
            pass
        x = conv(hp, x, f"k{k}", (1, 2))
    for k in range(3):
        if depth(k):
            x = L.Conv2D(1, 3)(x)
    return head(i, x)


@adv
def counter_object(hp):
    i, x = start()
    c = itertools.count()
    for k in range(3):
        if hp.Boolean(f"p{k}"):
            next(c)
        x = conv(hp, x, f"k{k}", (1, 2))
    for _ in range(next(c)):
        x = L.Conv2D(1, 3)(x)
    return head(i, x)


@adv
def two_inputs_connected(hp):
    a = keras.Input((9, 9, 1))
    b = keras.Input((9, 9, 1))
    x = a if hp.Boolean("which") else b
    x = conv(hp, x, "k")
    x = conv(hp, x, "m")
    return head(a, x)


@adv
def object_with_del(hp):
    i, x = start()
    log = []

    class D:
        def __del__(s):
            log.append(1)

    d = D() if hp.Boolean("a") else None
    x = conv(hp, x, "k")
    x = conv(hp, x, "m", (1, 2))
    del d
    if log:
        x = L.Conv2D(1, 5)(x)
    return head(i, x)


@adv
def sequential_list_in_progress(hp):
    i = keras.Input((9, 9, 1))
    g = hp.Int("g", 1, 4)
    m = keras.Sequential(
        [
            i,
            L.Conv2D(hp.Int("f", 4, 5), hp.Choice("k", [1, 3])),
            L.Conv2D(4, 1, groups=1),
            L.Conv2D(hp.Int("f2", 4, 6), 1),
            L.Conv2D(4, 1, groups=2),
            L.Conv2D(1, 8),
            L.Flatten(),
            L.Dense(1),
        ]
    )
    return m


@adv
def same_bounds_other_values(hp):
    i, x = start()
    k = hp.Choice("k", [1, 2, 9]) if hp.Boolean("a") else hp.Choice("k", [1, 8, 9])
    x = conv(hp, x, "z", (1, 1, 1)) if False else x
    x = L.Conv2D(1, k)(x)
    x = L.Conv2D(1, 3)(x)
    return head(i, x)


@adv
def after_build(hp):
    i, x = start()
    x = conv(hp, x, "k", (1, 3, 5))
    x = L.MaxPooling2D(2)(x)
    x = L.Flatten()(x)
    m = keras.Model(i, L.Dense(hp.Choice("w", [1, 5, 9]))(x))
    m.compile("adam", "mse")
    return m


@adv
def regex_cached(hp):
    import re

    i, x = start()
    for k in range(3):
        if re.match(r"k[02]", f"k{k}") and hp.Boolean(f"p{k}"):
            x = L.MaxPooling2D(2)(x)
        x = conv(hp, x, f"k{k}", (1, 2))
    return head(i, x)


@adv
def floatx_in_an_arm(hp):
    i, x = start()
    if hp.Boolean("a"):
        keras.config.set_image_data_format("channels_first")
    x = conv(hp, x, "k", (1, 3))
    x = conv(hp, x, "m", (1, 3))
    return head(i, x)


@adv
def set_attr_on_function(hp):
    i, x = start()
    conv.n = 0
    for k in range(3):
        if hp.Boolean(f"p{k}"):
            conv.n += 1
        x = conv(hp, x, f"k{k}", (1, 2))
    for _ in range(conv.n):
        x = L.Conv2D(1, 3)(x)
    return head(i, x)


@adv
def hp_as_memory(hp):
    i, x = start()
    hp.mine = 0
    for k in range(3):
        if hp.Boolean(f"p{k}"):
            hp.mine += 1
        x = conv(hp, x, f"k{k}", (1, 2))
    for _ in range(hp.mine):
        x = L.Conv2D(1, 3)(x)
    return head(i, x)


@adv
def tensor_as_memory(hp):
    i, x = start()
    i.n = 0
    for k in range(3):
        if hp.Boolean(f"p{k}"):
            i.n += 1
        x = conv(hp, x, f"k{k}", (1, 2))
    for _ in range(i.n):
        x = L.Conv2D(1, 3)(x)
    return head(i, x)


@adv
def module_as_memory(hp):
    i, x = start()
    keras.mine = 0
    for k in range(3):
        if hp.Boolean(f"p{k}"):
            keras.mine += 1
        x = conv(hp, x, f"k{k}", (1, 2))
    for _ in range(keras.mine):
        x = L.Conv2D(1, 3)(x)
    return head(i, x)


import os
import random as _random


@adv
def environ_as_memory(hp):
    i, x = start()
    os.environ["SSTN"] = "0"
    for k in range(3):
        if hp.Boolean(f"p{k}"):
            os.environ["SSTN"] = str(int(os.environ["SSTN"]) + 1)
        x = conv(hp, x, f"k{k}", (1, 2))
    for _ in range(int(os.environ["SSTN"])):
        x = L.Conv2D(1, 3)(x)
    return head(i, x)


@adv
def seeded_random(hp):
    i, x = start()
    _random.seed(3)
    for k in range(3):
        if hp.Boolean(f"p{k}"):
            _random.random()
        x = conv(hp, x, f"k{k}", (1, 2))
    x = L.Conv2D(1, _random.choice([1, 2, 3, 4, 5, 6, 7]))(x)
    return head(i, x)


@adv
def deep_hidden_temp(hp):
    i, x = start()

    def size(a):
        return 5 if a else 1

    def run(n, x):
        return L.Conv2D(1, n)(x)

    def inner(x):
        x = conv(hp, x, "k", (1, 2))
        x = conv(hp, x, "m", (1, 2))
        return x

    x = run(size(hp.Boolean("a")), inner(x))
    return head(i, x)


@adv
def hidden_in_bool_op(hp):
    i, x = start()

    def f(n):
        nonlocal x
        x = conv(hp, x, f"k{n}", (1, 2))
        x = conv(hp, x, f"m{n}", (1, 2))
        return n

    t = [hp.Boolean("a") and 4, f(0), hp.Boolean("b") or 2, f(1)]
    x = L.Conv2D(1, 1 + int(t[0]))(x)
    return head(i, x)


@adv
def dict_building(hp):
    i, x = start()

    def f(n):
        nonlocal x
        x = conv(hp, x, f"k{n}", (1, 2))
        x = conv(hp, x, f"m{n}", (1, 2))
        return n

    d = {
        "a": hp.Boolean("a"),
        "x": f(0),
        "b": hp.Boolean("b"),
        "y": f(1),
    }
    if d["a"] and d["b"]:
        x = L.Conv2D(1, 6)(x)
    return head(i, x)


class Block(keras.layers.Layer):
    def __init__(self, n, **kw):
        super().__init__(**kw)
        self.n = n

    def call(self, x):
        return x[:, : -self.n] if self.n else x


@adv
def custom_layer(hp):
    i, x = start()
    for k in range(2):
        x = Block(hp.Choice(f"n{k}", [0, 1, 2]))(x)
        if hp.Boolean(f"p{k}"):
            x = L.MaxPooling2D(2)(x)
    x = L.Conv2D(1, 3)(x)
    return head(i, x)


@adv
def returns_early(hp):
    i, x = start()
    for k in range(3):
        x = conv(hp, x, f"k{k}", (1, 3))
        if hp.Boolean(f"stop{k}"):
            return head(i, L.Conv2D(1, 3)(x))
    return head(i, L.Conv2D(1, 4)(x))


@adv
def for_else(hp):
    i, x = start()
    for k in range(3):
        x = conv(hp, x, f"k{k}", (1, 3))
        if hp.Boolean(f"stop{k}"):
            break
    else:
        x = L.Conv2D(1, 3)(x)
    x = L.Conv2D(1, 2)(x)
    return head(i, x)


@adv
def nested_loops(hp):
    i, x = start(14)
    for a in range(hp.Int("a", 1, 2)):
        for b in range(hp.Int(f"b{a}", 1, 2)):
            x = conv(hp, x, f"k{a}{b}", (1, 3))
            if hp.Boolean(f"p{a}{b}"):
                x = L.MaxPooling2D(2)(x)
    return head(i, x)


@adv
def swap_tensors(hp):
    i, x = start()
    y = conv(hp, x, "k", (1, 3))
    z = conv(hp, x, "m", (3, 5))
    if hp.Boolean("swap"):
        y, z = z, y
    w = conv(hp, y, "n", (1, 2))
    w = conv(hp, w, "o", (1, 2))
    z = L.Conv2D(1, 5)(z)
    return keras.Model(i, [L.Flatten()(w), L.Flatten()(z)])


def _one(hp, x, k):
    x = conv(hp, x, f"k{k}", (1, 2))
    return conv(hp, x, f"m{k}", (1, 3))


@adv
def one_line_loop(hp):
    i, x = start()
    for k in range(hp.Int("n", 1, 3)):
        x = _one(hp, x, k)
    return head(i, L.Conv2D(1, 2)(x))


def kept_blocks(hp, x, n=3):
    kept = []
    for k in range(n):
        x = conv(hp, x, f"k{k}", (1, 3))
        if hp.Boolean(f"p{k}"):
            x = L.MaxPooling2D(2)(x)
        kept.append(x)
    return x, kept


@adv
def first_kept_is_read_at_the_end(hp):
    i, x = start(12)
    x, kept = kept_blocks(hp, x)
    return keras.Model(i, [L.Flatten()(x), L.Flatten()(L.Conv2D(1, 5)(kept[0]))])


@adv
def kept_is_read_on_one_way_only(hp):
    i, x = start(12)
    x, kept = kept_blocks(hp, x)
    if hp.Boolean("reads"):
        x = L.Conv2D(1, 6)(kept[hp.Choice("which", [0, 1])])
    return head(i, x)


@adv
def only_the_shape_of_what_is_kept(hp):
    i, x = start(12)
    x, kept = kept_blocks(hp, x)
    if kept[0].shape[1] < 6:
        x = L.Conv2D(1, 2)(x)
    return head(i, x)


@adv
def kept_in_a_closure(hp):
    i, x = start(12)
    x, kept = kept_blocks(hp, x, 2)
    first = kept[0]

    def late(y):
        return L.Conv2D(1, 4)(first) if hp.Boolean("late") else y

    for k in range(2):
        x = conv(hp, x, f"m{k}", (1, 2))
    return head(i, late(x))


@adv
def kept_on_an_object(hp):
    class Holder:
        pass

    i, x = start(12)
    x, kept = kept_blocks(hp, x, 2)
    holder = Holder()
    holder.it = kept
    x = conv(hp, x, "m", (1, 2))
    return head(i, L.Conv2D(1, 3)(holder.it[0]))


@adv
def kept_and_compared(hp):
    i, x = start(12)
    x, kept = kept_blocks(hp, x, 3)
    if kept[0].shape == kept[1].shape:
        x = L.Conv2D(1, 2)(x)
    return head(i, x)


@adv
def kept_and_only_whether_it_is_the_same(hp):
    i, x = start(12)
    x, kept = kept_blocks(hp, x, 2)
    chosen = kept[0] if hp.Boolean("first") else kept[1]
    for k in range(2):
        x = conv(hp, x, f"m{k}", (1, 2))
    if chosen is kept[0]:
        x = L.Conv2D(1, 2)(x)
    return head(i, x)


@adv
def up_and_down(hp):
    i, x = start(16)
    skips = []
    for k in range(2):
        x = conv(hp, x, f"k{k}", (1, 2))
        skips.append(x)
        x = L.MaxPooling2D(2)(x)
    for k in (1, 0):
        x = L.UpSampling2D(2)(x)
        x = L.Concatenate()([x, skips[k]])
        x = conv(hp, x, f"u{k}", (1, 2))
    return head(i, x)


@adv
def the_last_but_one(hp):
    i, x = start(12)
    before = x
    for k in range(3):
        before, x = x, conv(hp, x, f"k{k}", (1, 3))
        if hp.Boolean(f"p{k}"):
            x = L.MaxPooling2D(2)(x)
    return head(i, L.Conv2D(1, 4)(before))


@adv
def kept_for_a_sum_of_channels(hp):
    i, x = start(8)
    kept = []
    for k in range(3):
        x = L.Conv2D(hp.Choice(f"f{k}", [1, 2]), 2)(x)
        kept.append(L.GlobalAveragePooling2D()(x))
    return keras.Model(i, L.Add()([kept[0], kept[2]]))


@adv
def names_alike_used_differently(hp):
    i, x = start(12)
    for k in range(4):
        n = hp.Choice(f"n{k}", [1, 3])
        x = L.Conv2D(1, n)(x) if k % 2 else L.Conv2D(n, 1)(x)
        if hp.Boolean(f"p{k}"):
            x = L.MaxPooling2D(2)(x)
    return head(i, x)


@adv
def dead_locals_in_a_loop_over_a_list(hp):
    i, x = start(14)
    a = conv(hp, x, "a", (1, 5))
    b = conv(hp, x, "b", (1, 7))
    ends = []
    for each in [a, b]:
        if hp.Boolean(f"p{len(ends)}"):
            each = L.MaxPooling2D(2)(each)
        ends.append(L.Flatten()(L.Conv2D(1, 5)(each)))
    return keras.Model(i, ends)


@adv
def dead_locals_in_a_zip(hp):
    i, x = start(14)
    a, b = conv(hp, x, "a", (1, 5)), conv(hp, x, "b", (1, 7))
    pair = (a, b)
    ends = []
    for each, n in zip(pair, "cd"):
        if hp.Boolean(n):
            each = L.MaxPooling2D(2)(each)
        ends.append(L.Flatten()(conv(hp, each, n + "k", (1, 5))))
    return keras.Model(i, ends)


def _deeper(hp, x, n):
    if hp.Boolean(n):
        x = L.MaxPooling2D(2)(x)
    return conv(hp, x, n + "k", (1, 3))


@adv
def a_dead_local_on_the_stack(hp):
    i, x = start(12)
    a = conv(hp, x, "a", (1, 5))
    ends = [L.Conv2D(1, 3)(a), _deeper(hp, x, "f"), L.Conv2D(1, 4)(a)]
    return keras.Model(i, [L.Flatten()(each) for each in ends])


@adv
def a_dead_argument_of_a_pending_call(hp):
    def both(one, other):
        return L.Conv2D(1, 6)(one), other

    i, x = start(12)
    a = conv(hp, x, "a", (1, 3, 7))
    one, other = both(a, _deeper(hp, x, "f"))
    return keras.Model(i, [L.Flatten()(one), L.Flatten()(other)])


@adv
def read_in_a_handler(hp):
    i, x = start(12)
    kernel = 1
    try:
        if hp.Boolean("wide"):
            kernel = 7
        x = conv(hp, x, "a", (1, 3))
        if hp.Boolean("fails"):
            raise KeyError("no")
        kernel = 2
    except KeyError:
        x = L.Conv2D(1, kernel)(x)
    for k in range(2):
        x = conv(hp, x, f"m{k}", (1, 3))
    return head(i, x)


@adv
def read_in_a_finally(hp):
    i, x = start(12)
    kernel = 1
    if hp.Boolean("wide"):
        kernel = 9
    try:
        x = conv(hp, x, "a", (1, 3))
        return head(i, conv(hp, x, "b", (1, 3)))
    finally:
        L.Conv2D(1, kernel)(x)


class Remembers(keras.layers.Layer):
    def call(self, x):
        before = getattr(self, "before", x)
        self.before = x
        return x if before.shape[1] > 6 else L.Conv2D(1, 3)(x)


@adv
def a_layer_that_keeps_what_it_was_called_on(hp):
    i, x = start(12)
    layer = Remembers()
    y = layer(conv(hp, x, "a", (1, 5, 7)))
    for k in range(2):
        x = conv(hp, x, f"m{k}", (1, 3))
    return keras.Model(i, L.Flatten()(layer(x)))


@adv
def kept_by_a_lambda(hp):
    def adds(other):
        return L.Lambda(lambda y: keras.ops.sum(y) + keras.ops.mean(other[:, 4:5]))

    i, x = start(12)
    other = conv(hp, x, "a", (1, 5))
    layer = adds(other)
    for k in range(2):
        x = conv(hp, x, f"m{k}", (1, 3))
    return keras.Model(i, layer(x))


@adv
def counted_and_forgotten(hp):
    i, x = start(16)
    depth = hp.Int("depth", 1, 4)
    for k in range(depth):
        x = L.Conv2D(1, 3)(x)
    for k in range(2):
        x = conv(hp, x, f"m{k}", (1, 5))
    return head(i, x)


@adv
def counted_and_read_again(hp):
    i, x = start(16)
    depth = hp.Int("depth", 1, 4)
    for k in range(depth):
        x = L.Conv2D(1, 3, padding="same")(x)
    for k in range(2):
        x = conv(hp, x, f"m{k}", (1, 5))
    return head(i, L.Conv2D(1, 2 * depth + 1)(x))


@adv
def read_only_in_the_last_round(hp):
    i, x = start(16)
    first = None
    for k in range(3):
        x = conv(hp, x, f"m{k}", (1, 5))
        if first is None:
            first = x
        if k == 2:
            x = L.Conv2D(1, first.shape[1] - 6)(x)
    return head(i, x)


@adv
def a_flag_of_the_round_before(hp):
    i, x = start(14)
    pools = False
    for k in range(3):
        if pools:
            x = L.MaxPooling2D(2)(x)
        pools = hp.Boolean(f"p{k}")
        x = conv(hp, x, f"m{k}", (1, 3))
    return head(i, x)


@adv
def a_loop_with_a_name_of_its_own_for_range(hp):
    def range(n):
        return [n, hp.Choice("more", [1, 3])]

    i, x = start(12)
    for k in range(2):
        x = L.Conv2D(1, k)(x)
        x = conv(hp, x, f"m{k}", (1, 3))
    return head(i, x)


def _side(x):
    return x.shape[1]


class Asks(keras.layers.Layer):
    def __init__(self, side, **kwargs):
        super().__init__(**kwargs)
        self.side = side

    def call(self, x):
        return x if self.side() > 8 else x[:, :2, :2]


@adv
def kept_by_a_partial_function_in_a_layer(hp):
    i, x = start(12)
    a = conv(hp, x, "a", (1, 3, 7))
    layer = Asks(functools.partial(_side, a))
    del a
    for k in range(2):
        x = conv(hp, x, f"m{k}", (1, 3))
    return head(i, L.Conv2D(1, 3)(layer(x)))


class Holder:
    def __init__(self, it):
        self.it = it

    def __call__(self):
        return self.it.shape[1]


@adv
def kept_by_an_object_in_a_layer(hp):
    i, x = start(12)
    a = conv(hp, x, "a", (1, 3, 7))
    layer = Asks(Holder(a))
    for k in range(2):
        x = conv(hp, x, f"m{k}", (1, 3))
    return head(i, L.Conv2D(1, 3)(layer(x)))


@adv
def a_loop_whose_body_is_long(hp):
    i, x = start(12)
    for k in range(3):
        if not hp.Boolean(f"use{k}"):
            continue
        x = L.Conv2D(1, 1, strides=1, padding="valid", use_bias=True, activation="relu")(x)
        x = L.Conv2D(1, 1, strides=1, padding="valid", use_bias=True, activation="relu")(x)
        x = L.Conv2D(1, 1, strides=1, padding="valid", use_bias=True, activation="relu")(x)
        x = L.Conv2D(1, 1, strides=1, padding="valid", use_bias=True, activation="relu")(x)
        x = L.Conv2D(1, 1, strides=1, padding="valid", use_bias=True, activation="relu")(x)
        x = L.Conv2D(1, 1, strides=1, padding="valid", use_bias=True, activation="relu")(x)
        x = L.Conv2D(1, 1, strides=1, padding="valid", use_bias=True, activation="relu")(x)
        x = L.Conv2D(1, 1, strides=1, padding="valid", use_bias=True, activation="relu")(x)
        x = L.Conv2D(1, hp.Choice("kernel", [3, 5, 7]))(x)
    return head(i, x)


@adv
def a_value_in_a_list_is_used_again_at_the_end(hp):
    i, x = start(12)
    kernels = [hp.Choice(f"k{n}", [1, 3]) for n in range(3)]
    for kernel in kernels:
        x = L.Conv2D(1, kernel)(x)
    return head(i, L.Conv2D(1, kernels[0] + 5)(x))


@adv
def a_value_in_a_list_is_compared_at_the_end(hp):
    i, x = start(12)
    settings = [
        {"k": hp.Choice(f"k{n}", [1, 3]), "p": hp.Choice(f"p{n}", [1, 2])} for n in range(3)
    ]
    for each in settings:
        x = L.MaxPooling2D(each["p"])(L.Conv2D(1, each["k"])(x))
    if sum(each["k"] == 3 for each in settings) == 1:
        x = L.Conv2D(1, 2)(x)
    return head(i, x)


@adv
def a_value_in_a_list_names_a_layer_at_the_end(hp):
    i, x = start(9)
    kernels = [hp.Choice(f"k{n}", [1, 3]) for n in range(3)]
    for kernel in kernels:
        x = L.Conv2D(1, kernel)(x)
    name = f"end_{kernels[1]}"
    return head(i, L.Conv2D(1, 5 if name == "end_1" else 1, name=name)(x))


@adv
def a_value_in_a_list_is_popped_by_a_helper(hp):
    i, x = start(12)
    waiting = [hp.Choice(f"k{n}", [1, 3, 5]) for n in range(3)]

    def last(x):
        return L.Conv2D(1, waiting.pop())(x)

    x = L.Conv2D(1, waiting[0])(x)
    for n in range(2):
        if hp.Boolean(f"flag{n}"):
            x = last(x)
    return head(i, L.Conv2D(1, waiting[-1])(x))


class Setting:
    def __init__(self, kernel, pool):
        self.kernel, self.pool = kernel, pool


@adv
def a_value_in_an_object_is_compared_with_one_of_later(hp):
    i, x = start(12)
    before = None
    for n in range(3):
        now = Setting(hp.Choice(f"k{n}", [1, 3]), hp.Choice(f"p{n}", ["max", "none"]))
        x = L.Conv2D(1, now.kernel)(x)
        if now.pool == "max":
            x = L.MaxPooling2D(2)(x)
        elif before is not None and before.kernel == now.kernel:
            x = L.Conv2D(1, 2)(x)
        before = now
    return head(i, x)


@adv
def sums_of_values_grow(hp):
    i, x = start(12)
    total = 0
    for n in range(3):
        kernel = hp.Choice(f"k{n}", [1, 3])
        total = total + kernel
        x = L.Conv2D(1, kernel, padding="same")(x)
    return head(i, L.Conv2D(1, total + 6)(x))


@adv
def a_stack_that_grows_beside_a_list(hp):
    model, kept = keras.Sequential([keras.Input((12, 12, 1))]), []
    for n in range(3):
        kept.append(hp.Choice(f"k{n}", [1, 3, 5]))
        model.add(L.Conv2D(1, kept[-1]))
        if hp.Choice(f"p{n}", ["max", "none"]) == "max":
            model.add(L.MaxPooling2D(2))
    if kept[0] > kept[2]:
        model.add(L.Conv2D(1, 2))
    model.add(L.Flatten())
    model.add(L.Dense(1))
    return model


@adv
def a_list_of_layers_for_one_stack(hp):
    stack = [keras.Input((12, 12, 1))]
    for n in range(3):
        stack.append(L.Conv2D(1, hp.Choice(f"k{n}", [1, 3, 5])))
        if hp.Choice(f"p{n}", ["max", "none"]) == "max":
            stack.append(L.MaxPooling2D(2))
    return keras.Sequential([*stack, L.Flatten(), L.Dense(1)])


@adv
def scope_looked_at_long_after(hp):
    i, x = start()
    kind = hp.Choice("kind", ["a", "b", "c"])
    x = conv(hp, x, "k0")
    if hp.Boolean("p"):
        x = L.MaxPooling2D(2)(x)
    x = conv(hp, x, "k1")
    with hp.conditional_scope("kind", ["b"]):
        late = hp.Choice("late", [1, 2])
        if late is not None:
            x = L.Conv2D(1, late)(x)
    return head(i, x)


@adv
def scope_in_each_round(hp):
    i, x = start()
    rounds = hp.Int("rounds", 1, 3)
    for k in range(rounds):
        with hp.conditional_scope("rounds", list(range(k + 1, 4))):
            x = conv(hp, x, f"k{k}")
            if hp.Boolean(f"p{k}"):
                x = L.MaxPooling2D(2)(x)
    return head(i, x)


@adv
def scope_of_a_boolean_in_each_block(hp):
    i, x = start()
    for k in range(3):
        x = conv(hp, x, f"k{k}", (1, 2))
        pools = hp.Boolean(f"p{k}")
        with hp.conditional_scope(f"p{k}", [True]):
            size = hp.Choice(f"size{k}", [2, 3])
            if pools:
                x = L.MaxPooling2D(size)(x)
    return head(i, x)


@adv
def scope_within_a_scope(hp):
    i, x = start()
    hp.Choice("a", ["x", "y"])
    with hp.conditional_scope("a", ["x"]):
        hp.Boolean("inner")
        with hp.conditional_scope("inner", [True]):
            k = hp.Choice("k", [3, 5])
    with hp.conditional_scope("a", ["y"]):
        other = hp.Choice("k", [4, 9, 10])
    x = L.Conv2D(1, k or other or 1)(x)
    with hp.conditional_scope("a", ["x"]), hp.conditional_scope("inner", [False]):
        again = hp.Choice("again", [3, 10])
    return head(i, L.Conv2D(1, again or 1)(x))


@adv
def scope_left_open_by_a_function(hp):
    i, x = start()
    hp.Choice("a", [1, 2, 3])

    def kernel(k):
        with hp.conditional_scope("a", [k]):
            return hp.Choice(f"k{k}", [k, 2 * k, 4 * k])

    for k in range(1, 4):
        size = kernel(k)
        if size:
            x = L.Conv2D(1, size)(x)
    return head(i, x)


@adv
def scope_left_by_an_error(hp):
    i, x = start()
    hp.Choice("a", [1, 2])
    try:
        with hp.conditional_scope("a", [2]):
            if hp.Choice("k", [2, 3]) == 3:
                raise KeyError
            x = L.Conv2D(1, 2)(x)
    except KeyError:
        x = L.Conv2D(1, 8)(x)
    return head(i, conv(hp, x, "last", (1, 2)))


@adv
def scope_held_in_a_local(hp):
    i, x = start()
    hp.Choice("a", [1, 2])
    scope = hp.conditional_scope("a", [2])
    x = conv(hp, x, "k0")
    with scope:
        k = hp.Choice("k", [2, 8])
    return head(i, L.Conv2D(1, k or 1)(x))


@adv
def active_scopes_read(hp):
    i, x = start()
    hp.Choice("a", [1, 2])
    with hp.conditional_scope("a", [2]):
        hp.Choice("k", [2, 8])
    x = conv(hp, x, "k0")
    return head(i, L.Conv2D(1, 1 + 8 * len(hp.active_scopes))(x))


@adv
def parent_by_argument(hp):
    i, x = start()
    hp.Choice("a", [1, 2])
    x = conv(hp, x, "k0")
    k = hp.Choice("k", [2, 8], parent_name="a", parent_values=[2])
    return head(i, L.Conv2D(1, k or 1)(x))


@adv
def name_scopes_in_helpers(hp):
    i, x = start()

    def block(x, name):
        with hp.name_scope(name):
            kernel = hp.Choice("k", [1, 3])
            for _ in range(hp.Int("repeats", 1, 2)):
                x = L.Conv2D(2, kernel)(x)
            return x

    for k in range(2):
        x = block(x, f"b{k}")
    with hp.name_scope(hp.Choice("which", ["u", "v"])):
        x = conv(hp, x, "k")
    return head(i, x)


class ScopedModel:
    def __init__(self, scopes):
        self.scopes = scopes

    def __enter__(self):
        self.scopes.append(len(self.scopes))
        return self

    def __exit__(self, *error):
        self.scopes.pop()


@adv
def own_with_blocks(hp):
    i, x = start()
    scopes = []
    for k in range(2):
        with ScopedModel(scopes) as deeper:
            if hp.Boolean(f"twice{k}"):
                scopes.append(7)
            x = conv(hp, x, f"k{k}", (1, 2))
    if scopes and scopes[-1] == 7:
        x = L.Conv2D(1, 6)(x)
    return head(i, x)


@adv
def with_of_a_value_that_crossed(hp):
    i, x = start()

    @contextlib.contextmanager
    def shrinks(size):
        yield size
        sizes.append(size)

    sizes = []
    with shrinks(3 if hp.Boolean("a") else 1) as size:
        x = conv(hp, x, "k", (1, 2))
        x = L.MaxPooling2D(2)(x)
    return head(i, L.Conv2D(1, sizes[0])(x))


@adv
def own_iterator_with_a_body(hp):
    i, x = start()
    for w in Iter(hp):
        x = L.Conv2D(2, hp.Choice(f"k{x.shape[1]}", [1, 2]))(x)
        if w > 1:
            x = L.Conv2D(1, 4)(x)
    return head(i, x)


@adv
def own_iterator_in_a_zip(hp):
    i, x = start()
    for n, w in zip(range(5), Iter(hp)):
        x = conv(hp, x, f"k{n}", (1, 2))
        if w > 1:
            x = L.Conv2D(1, 4)(x)
    return head(i, x)


@adv
def counting_function_in_a_map(hp):
    i, x = start()

    def counter():
        seen = [0]

        def count(n):
            if hp.Boolean(f"p{n}"):
                seen[0] += 1
            return seen[0]

        return count

    for w in map(counter(), range(3)):
        x = conv(hp, x, f"k{x.shape[1]}{w}", (1, 2))
        if w == 3:
            x = L.Conv2D(1, 7)(x)
    return head(i, x)


class Counting:
    def __init__(self, found):
        self.found = found
        self.n = 0

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.found.append(self.n)


@adv
def manager_that_is_dead_by_name(hp):
    i, x = start()
    found = []
    with Counting(found) as counting:
        if hp.Boolean("a"):
            counting.n += 1
        x = conv(hp, x, "k", (1, 2))
        x = conv(hp, x, "m", (1, 2))
    return head(i, L.Conv2D(1, 1 + 7 * found[0])(x))


@adv
def manager_without_a_name(hp):
    i, x = start()
    managers = [Counting([]), Counting([])]
    with managers[0], managers[1]:
        if hp.Boolean("a"):
            managers[1].n += 1
        x = conv(hp, x, "k", (1, 2))
        x = conv(hp, x, "m", (1, 2))
    return head(i, L.Conv2D(1, 1 + 7 * managers[1].found[0])(x))


@adv
def manager_whose_state_is_shared(hp):
    i, x = start()
    found, state = [], [0]

    class Sharing:
        def __enter__(self):
            return state

        def __exit__(self, *error):
            found.append(state[0])

    with Sharing() as inner:
        if hp.Boolean("a"):
            inner[0] += 1
        x = conv(hp, x, "k", (1, 2))
        x = conv(hp, x, "m", (1, 2))
    return head(i, L.Conv2D(1, 1 + 7 * found[0])(x))


class Accumulating:
    def __init__(self, out):
        self.inner = [0]
        self.out = out

    def __enter__(self):
        return self.inner

    def __exit__(self, *error):
        self.out.extend(self.inner)


@adv
def manager_that_shares_a_list(hp):
    i, x = start()
    out = []
    with Accumulating(out) as inner:
        for k in range(2):
            if hp.Boolean(f"a{k}"):
                inner[0] += 1
            x = conv(hp, x, f"k{k}", (1, 2))
        x = conv(hp, x, "m", (1, 2))
    return head(i, L.Conv2D(1, 1 + 4 * out[0])(x))


@adv
def inner_loops_with_values_that_crossed(hp):
    i, x = start()
    for k in range(2):
        strides = [1, 2] if hp.Boolean(f"a{k}") else [2, 1]
        for s in strides:
            x = conv(hp, x, f"k{k}{s}", (1, 2))
            if s == 2:
                x = L.MaxPooling2D(2)(x)
    return head(i, x)


class ConvBlock(L.Layer):
    def __init__(self, filters, kernel, pools=False, **kwargs):
        super().__init__(**kwargs)
        self.conv = L.Conv2D(filters, kernel)
        self.pool = L.MaxPooling2D(2) if pools else None

    def call(self, x):
        x = self.conv(x)
        if self.pool is not None:
            x = self.pool(x)
        return x


class Shrinking(L.Layer):
    def __init__(self, sizes):
        super().__init__()
        self.sizes = sizes
        self.convs = [L.Conv2D(1, size) for size in sizes]

    def call(self, x):
        for conv, size in zip(self.convs, self.sizes):
            if x.shape[1] > size:
                x = conv(x)
        return x


class Projected(L.Layer):
    def __init__(self, width):
        super().__init__()
        self.width = width

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], self.width))

    def call(self, x):
        return keras.ops.matmul(x, self.kernel)


@adv
def own_layers(hp):
    i, x = start()
    for k in range(3):
        x = ConvBlock(hp.Int(f"f{k}", 1, 4), hp.Choice(f"k{k}", [1, 3, 5]), hp.Boolean(f"p{k}"))(x)
    return head(i, x)


@adv
def own_layer_used_again(hp):
    i, x = start()
    block = ConvBlock(1, hp.Choice("k", [1, 2, 4]))
    for k in range(hp.Int("times", 1, 3)):
        x = block(x)
        x = conv(hp, x, f"k{k}", (1, 2))
    return head(i, x)


@adv
def own_layers_made_before_they_are_called(hp):
    i, x = start()
    blocks = [ConvBlock(2, hp.Choice(f"k{k}", [1, 3]), hp.Boolean(f"p{k}")) for k in range(2)]
    if hp.Boolean("reversed"):
        blocks = blocks[::-1]
    for block in blocks[: hp.Int("many", 1, 2)]:
        x = block(x)
        x = conv(hp, x, f"c{x.shape[1]}", (1, 2))
    return head(i, x)


@adv
def own_layer_with_an_attribute_that_is_read(hp):
    i, x = start()
    layer = Projected(hp.Choice("width", [1, 2, 8]))
    x = conv(hp, x, "k", (1, 2))
    x = layer(x)
    x = conv(hp, x, "m", (1, 2))
    return head(i, L.Conv2D(1, layer.width)(x))


@adv
def own_layer_that_holds_a_list_of_builds(hp):
    i, x = start()
    sizes = [1]
    layer = Shrinking(sizes)
    if hp.Boolean("more"):
        sizes.append(hp.Choice("size", [2, 5]))
    x = conv(hp, x, "k", (1, 2))
    for _ in range(hp.Int("times", 1, 2)):
        x = Shrinking(sizes)(layer(x))
        x = L.Conv2D(1, sizes[-1])(x)
    return head(i, x)


@adv
def own_layers_are_nested(hp):
    class Pair(L.Layer):
        def __init__(self, kernels):
            super().__init__()
            self.blocks = [ConvBlock(1, kernel) for kernel in kernels]
            self.last = Shrinking([hp.Choice("size", [2, 3])])

        def call(self, x):
            for block in self.blocks:
                x = block(x)
            return self.last(x)

    i, x = start()
    x = Pair([hp.Choice(f"k{n}", [1, 2]) for n in range(2)])(x)
    return head(i, conv(hp, x, "k"))


@adv
def own_layers_add_what_they_are_given(hp):
    i, x = start()
    skip = Projected(hp.Choice("a", [2, 4]))(x)
    x = conv(hp, x, "k", (1, 3))
    y = Projected(hp.Choice("b", [2, 4]))(x)
    if hp.Boolean("skips"):
        y = L.Add()([skip, y])
    return head(i, conv(hp, y, "m", (1, 9)))


@adv
def own_layer_named_by_the_user(hp):
    i, x = start()
    x = ConvBlock(1, hp.Choice("k", [1, 2]), name="first")(x)
    x = ConvBlock(1, 2, name="first" if hp.Boolean("same") else "second")(x)
    return head(i, conv(hp, x, "m", (1, 9)))


class ByBatch(L.Layer):
    def __init__(self, size):
        super().__init__()
        self.size = size
        self.conv = L.Conv2D(1, size)

    def call(self, x):
        if x.shape[0] is not None and x.shape[1] < 2 * self.size:
            return x
        return self.conv(x)


@adv
def own_layer_that_sees_the_batch(hp):
    i, x = start()
    for k in range(2):
        x = ByBatch(hp.Choice(f"k{k}", [2, 4]))(x)
    return head(i, conv(hp, x, "m", (1, 2)))


@adv
def own_layer_behind_one_that_may_be_frozen(hp):
    i, x = start()
    x = L.Conv2D(1, 2, trainable=hp.Boolean("trains"))(x)
    x = conv(hp, x, "k", (1, 2))
    x = ConvBlock(1, hp.Choice("m", [1, 9]), hp.Boolean("p"))(x)
    return head(i, conv(hp, x, "n", (1, 2)))


@adv
def own_layer_before_one_that_may_be_frozen(hp):
    i, x = start()
    if hp.Boolean("own"):
        x = ConvBlock(1, hp.Choice("m", [1, 9]))(x)
    x = conv(hp, x, "k", (1, 2))
    x = L.Conv2D(1, 1, trainable=hp.Boolean("trains"))(x)
    return head(i, conv(hp, x, "n", (1, 2)))


@adv
def own_layer_with_a_frozen_one_inside(hp):
    class Inside(L.Layer):
        def __init__(self, kernel, trains):
            super().__init__()
            self.conv = L.Conv2D(1, kernel, trainable=trains)

        def call(self, x):
            return self.conv(x)

    i, x = start()
    for k in range(2):
        x = Inside(hp.Choice(f"k{k}", [1, 3]), hp.Boolean(f"trains{k}"))(x)
    return head(i, conv(hp, x, "m", (1, 9)))

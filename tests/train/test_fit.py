"""The loop: the same numbers as a loop written by hand, resumed bit by bit, and refusals before anything is lost."""

import json

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import brainsim as bs
from brainsim.train import checks, losses, transforms

from .conftest import small

OPTIONS = dict(encode=bs.encoding.Constant(), read="out.V", batch=20, progress=False)
WEIGHTS = ("pixels->hidden.weight", "hidden->out.weight")


def fit(net, examples, epochs=2, **options):
    return bs.train.fit(net, examples, 8 * u.ms, epochs=epochs, **OPTIONS | {"optimizer": optax.adam(0.02)} | options)


def weights(net):
    return [np.asarray(net.projections[path[:-7]].plain("weight")) for path in WEIGHTS]


def test_it_is_the_loop_written_by_hand(examples):
    net, optimizer = small(), optax.adam(0.02)
    history = fit(net, examples, seed=3)
    twin = small()
    run = bs.function(twin, 8 * u.ms, dt=1 * u.ms, record="out.V")

    @jax.jit
    def step(p, moments, x, y):
        def loss(p):
            one = lambda x: run(p, {}, inputs={"pixels.input": jnp.broadcast_to(x, (8, 6))})[1]["out.V"].mean(0)
            return optax.softmax_cross_entropy_with_integer_labels(jax.vmap(one)(x), y).mean()

        value, slope = jax.value_and_grad(loss)(p)
        change, moments = optimizer.update(slope, moments)
        return optax.apply_updates(p, change), moments, value

    p = {path: run.parameters[path] for path in WEIGHTS}
    moments, values = optimizer.init(p), []
    for epoch in range(2):
        order = np.random.default_rng([3, epoch]).permutation(60)
        for k in range(3):
            chosen = order[20 * k : 20 * k + 20]
            p, moments, value = step(p, moments, examples[0][chosen], examples[1][chosen])
            values.append(float(value))
    np.testing.assert_allclose(history["loss"], np.mean(np.reshape(values, (2, 3)), 1), rtol=1e-10)
    for path, mine in zip(WEIGHTS, weights(net)):
        np.testing.assert_allclose(mine, p[path], rtol=1e-8, atol=1e-12)


def test_it_learns(examples):
    net = small()
    history = fit(net, examples, epochs=15, validate=examples)
    assert history["validation accuracy"][-1] > 0.95 and history["loss"][-1] < 0.5 * history["loss"][0]
    assert {"loss", "accuracy", "validation loss", "gradient norm", "seconds"} <= set(history.names)
    rec = bs.simulate(
        net, 8 * u.ms, dt=1 * u.ms, record="out.V", inputs={"pixels.input": np.tile(examples[0][1], (8, 1))}
    )
    assert np.asarray(rec["out.V"].mantissa).mean(0).argmax() == examples[1][1]
    with pytest.raises(bs.UnknownNameError, match="'acuracy' was not measured. Did you mean 'accuracy'"):
        history["acuracy"]
    axes = history.plot()
    assert len(axes.loss.get_lines()) == 2 and len(axes.accuracy.get_lines()) == 2


def killed(*_):
    raise KeyboardInterrupt


@pytest.fixture(scope="module")
def in_full(examples):
    """A run with an average, accumulated and clipped gradients, a schedule, masked weights and lengths."""
    schedule = optax.cosine_decay_schedule(0.05, 6)
    stepped = optax.MultiSteps(optax.chain(optax.clip_by_global_norm(1.0), optax.adam(schedule)), 2)
    options = dict(epochs=4, average=0.9, seed=1, encode=bs.encoding.Bernoulli(gain=0.5), optimizer=stepped)
    options |= dict(transforms={"hidden->out.weight": transforms.Masked(), "pixels*": transforms.WeightNorm()})
    examples, net = (*examples, 3 + np.arange(60) % 6), small()
    return examples, options, net, fit(net, examples, **options)


@pytest.mark.parametrize("where", ["between epochs", "within an epoch"])
def test_a_run_that_was_ended_goes_on_bit_by_bit(in_full, tmp_path, where):
    examples, options, straight, history = in_full
    kill = (lambda e: killed() if e.number == 2 else None) if where == "between epochs" else None
    with pytest.raises(KeyboardInterrupt):
        if kill:
            fit(small(), examples, checkpoint=tmp_path / "c", callbacks=[kill], **options)
        else:
            loader = Interrupted(bs.train.Arrays(*examples, batch=20, seed=1))
            fit(small(), loader, checkpoint=tmp_path / "c", save_every=1, **options)
    resumed = small(seed=5)  # its own weights do not matter
    data = examples if kill else bs.train.Arrays(*examples, batch=20, seed=1)
    after = fit(resumed, data, checkpoint=tmp_path / "c", **options)
    for name in ("loss", "accuracy", "gradient norm"):
        np.testing.assert_array_equal(after[name], history[name])
    for one, other in zip(weights(resumed), weights(straight)):
        np.testing.assert_array_equal(one, other)
    again = fit(resumed, data, checkpoint=tmp_path / "c", **options)  # nothing is left to do
    assert len(again) == 4


class Interrupted(bs.train.Arrays):
    """Ends in the second batch of the third epoch."""

    def __init__(self, arrays):
        vars(self).update(vars(arrays))

    def epoch(self, number):
        for k, batch in enumerate(super().epoch(number)):
            if (number, k) == (2, 2):
                raise KeyboardInterrupt
            yield batch


def test_a_checkpoint_of_another_model_is_refused(examples, tmp_path):
    fit(small(), examples, epochs=1, checkpoint=tmp_path / "c")
    with pytest.raises(ValueError, match=r"another model: .*hidden->out.weight.* shape \(8, 3\).*\(9, 3\)"):
        fit(small(hidden=9), examples, checkpoint=tmp_path / "c")
    with pytest.raises(ValueError, match="another model or optimiser"):
        fit(small(), examples, checkpoint=tmp_path / "c", optimizer=optax.sgd(0.1))
    with pytest.raises(ValueError, match="made with seed = 0, now it is 1"):
        fit(small(), examples, checkpoint=tmp_path / "c", seed=1)
    with pytest.raises(ValueError, match="a checkpoint of training; bs.train.fit"):
        bs.load(small(), tmp_path / "c")
    with pytest.raises(ValueError, match="made with data: checksum = .*, now it is"):
        fit(small(), (examples[0][::-1], examples[1]), checkpoint=tmp_path / "c")
    for name, given in dict(
        optimizer=optax.adam(2e-3), loss=lambda output, target: jnp.square(output).sum()
    ).items():  # a number in a closure, a function of one's own
        with pytest.raises(ValueError, match=f"another {name}=.*begin anew"):
            fit(small(), examples, checkpoint=tmp_path / "c", **{name: given})
    bs.save(small(), tmp_path / "n")
    with pytest.raises(ValueError, match="one of a network, not of training"):
        fit(small(), examples, checkpoint=tmp_path / "n")


def test_loaders_give_what_arrays_give(examples):
    whole = [(examples[0][k : k + 20], examples[1][k : k + 20]) for k in (0, 20, 40)]
    nets = [small(), small(), small()]
    ordered = bs.train.Arrays(*examples, batch=20, shuffle=False)
    dictionaries = [{"inputs": x, "targets": y} for x, y in whole]
    for net, data in zip(nets, (ordered, whole, dictionaries)):
        fit(net, data)
    for net in nets[1:]:
        np.testing.assert_array_equal(weights(net)[0], weights(nets[0])[0])
    with pytest.raises(TypeError, match="an iterator can be gone through once"):
        fit(small(), iter(whole))
    with pytest.raises(ValueError, match="given tuple|a batch is"):
        fit(small(), [(1, 2, 3, 4)])
    for wrong in (-1, 3):  # which indexing would take from the end, or make no number of
        late = [whole[0], (whole[1][0], np.full(20, wrong))]
        with pytest.raises(ValueError, match=f"data, batch 2: labels go from {wrong} to {wrong}, .* 3 units"):
            fit(small(), late)


def test_optimizers_that_look_at_the_loss(examples):
    """A line search never goes up, on one batch."""
    net = small()
    history = fit(net, examples, batch=60, epochs=6, optimizer=optax.lbfgs())
    assert np.all(np.diff(history["loss"]) < 0)


def test_freezing_bounds_groups_and_averages(examples):
    net = small()
    first = weights(net)
    history = fit(
        net, examples, learn=["hidden.tau", "hidden.V_th"], freeze="pixels->*",
        transforms={"hidden.V_th": transforms.Bounded(0.9 * u.mV, 1.1 * u.mV), "hidden->out.weight": transforms.Signed()},
        optimizer={"*.weight": optax.sgd(0.5), "*": optax.adam(0.5)},
    )  # fmt: skip
    after = weights(net)
    np.testing.assert_array_equal(after[0], first[0])
    assert np.all(np.sign(after[1]) * np.sign(first[1]) >= 0) and np.abs(after[1] - first[1]).max() > 1e-3
    assert 0.9 * u.mV < net.hidden.V_th < 1.1 * u.mV and abs(net.hidden.V_th - 1.0 * u.mV) > 1e-3 * u.mV
    assert 0 * u.ms < net.hidden.tau and abs(net.hidden.tau - 8 * u.ms) > 0.1 * u.ms
    assert len(history) == 2
    with pytest.raises(ValueError, match="none is for hidden->out.weight"):
        fit(small(), examples, optimizer={"pixels*": optax.sgd(0.1)})
    slow = small()
    fit(slow, examples, epochs=1, average=1.0)
    np.testing.assert_allclose(weights(slow)[1], first[1])


def test_the_update_is_pure(examples):
    """Scanned over batches it does what the loop does."""
    objective = bs.train.Objective(small(), 8 * u.ms, loss=losses.cross_entropy, encode=OPTIONS["encode"], read="out.V")
    trained = bs.train.Trained(objective.net, objective.run.parameters)
    update = bs.train.Update(objective, optax.adam(0.02), trained)
    order = np.random.default_rng([0, 0]).permutation(60).reshape(3, 20)
    batches = bs.train.Batch(jnp.asarray(examples[0][order]), jnp.asarray(examples[1][order]))

    def body(learning, batch):
        learning, loss, *_ = update(learning, trained.fixed, batch, jax.random.PRNGKey(0))
        return learning, loss

    learning, values = jax.jit(lambda first: jax.lax.scan(body, first, batches))(update.first())
    net = small()
    history = fit(net, examples, epochs=1)
    assert float(values.mean()) == pytest.approx(history["loss"][0], rel=1e-10)
    np.testing.assert_allclose(learning.free[WEIGHTS[0]], weights(net)[0], rtol=1e-9)


def test_callbacks_and_logs(examples, tmp_path):
    seen = []
    stop = bs.train.EarlyStopping("validation loss", patience=2, least=1e9)
    history = fit(small(), examples, epochs=9, validate=examples, log=tmp_path / "log.jsonl",
                  callbacks=[stop, lambda epoch: seen.append((epoch.number, sorted(epoch.parameters)))])  # fmt: skip
    assert len(history) == 3 and seen == [(k, sorted(WEIGHTS)) for k in (1, 2, 3)]
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in lines] == [1, 2, 3] and lines[2]["loss"] == history["loss"][2]
    history.save(tmp_path / "log.csv")
    table = (tmp_path / "log.csv").read_text().splitlines()
    assert table[0].startswith("epoch,loss,accuracy") and len(table) == 4
    assert float(table[3].split(",")[1]) == history["loss"][2]
    with pytest.raises(ValueError, match="neither in .csv nor in .jsonl"):
        history.save(tmp_path / "log.txt")


def test_a_loss_that_is_not_finite_ends_training(examples, tmp_path):
    """The population and the step are named, and the last good parameters stay."""
    good = (examples[0][:20], examples[1][:20])
    with pytest.raises(ValueError, match="20 inputs are not finite, the first is example 0"):
        fit(small(), [good, (np.full((20, 6), np.inf), examples[1][:20])])
    bad = [good, (examples[0][:20] * 1e308, examples[1][:20])]
    net = small()
    net["pixels->hidden"].weight = 10 * u.mV * np.ones((6, 8))
    first = weights(net)
    with pytest.raises(bs.NonFiniteError, match=r"epoch 1, update 2: hidden\.V is the first state.*step 2") as caught:
        fit(net, bad, freeze="hidden*", optimizer=optax.sgd(0.0), checkpoint=tmp_path / "c", save_every=1)
    assert caught.value.path == "hidden.V" and caught.value.time == 2 * u.ms
    np.testing.assert_array_equal(weights(net)[0], first[0])
    assert bs.train.fit(net, [good], 8 * u.ms, epochs=1, **OPTIONS)["loss"][0] < 10
    net = small()
    with pytest.raises(bs.NonFiniteError, match=r"hidden->out.weight.* not finite in epoch 1, update 3.*smaller rate"):
        fit(net, examples, optimizer=optax.sgd(optax.piecewise_constant_schedule(1e-3, {1: 1e300, 2: 1e300})), epochs=3)
    assert np.all(np.isfinite(weights(net)[1])) and np.any(weights(net)[1] != weights(small())[1])


def test_silent_and_saturated_layers_are_told_once(examples):
    net = small()
    net.hidden.V_th = 1e3 * u.mV
    with pytest.warns(UserWarning, match="hidden is silent .*Larger weights") as caught:
        fit(net, examples, epochs=2)
    assert len(caught) == 1
    net = small()
    net.hidden.V_th = -1 * u.mV
    net.hidden.V_reset = -0.5 * u.mV
    net["pixels->hidden"].weight = 5 * u.mV * np.ones((6, 8))
    with pytest.warns(UserWarning, match="hidden is saturated"):
        fit(net, examples, epochs=1)


@pytest.mark.parametrize(
    "change, error, message",
    [
        (dict(data=(np.ones((60, 7)), np.zeros(60, int))), ValueError, "makes the shape .8, 7., and pixels.input takes 8 steps of 6"),
        (dict(encode=None), ValueError, "an example has the shape .6,.*encode=encoding.Constant"),
        (dict(data=(np.ones((60, 6)), np.zeros(59, int))), ValueError, "60 inputs, and targets of shape .59"),
        (dict(data=(np.ones((60, 6)), np.full(60, 3))), ValueError, "labels go from 3 to 3, and the output has 3 units"),
        (dict(data=(np.full((60, 6), np.nan), np.zeros(60, int))), ValueError, "60 inputs are not finite"),
        (dict(data=(np.ones((60, 6)), np.zeros((60, 4)))), ValueError, "cannot compare an output of shape .3,. with a target of shape .4,"),
        (dict(loss=lambda o, y: o), ValueError, "gives the shape .3,. for one example"),
        (dict(data=(np.ones((60, 6)), np.zeros(60, int), np.full(60, 9))), ValueError, "a length of 9 steps; a run has 8"),
        (dict(data="digits"), TypeError, "expected .inputs, targets"),
        (dict(data=(np.ones((0, 6)), np.zeros(0, int))), ValueError, "no examples"),
        (dict(epochs=0), ValueError, "epochs: expected a positive integer, given 0"),
        (dict(batch=2.5), ValueError, "batch: expected a positive integer, given 2.5"),
        (dict(read="out.spikes"), ValueError, "out: the spikes of LIF have no derivative, which is read"),
        (dict(net=dict(surrogate=None)), ValueError, "hidden: the spikes of LIF have no derivative, so that pixels->hidden.weight"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_before_compiling(examples, change, error, message):
    change = dict(change)
    net, data = small(**change.pop("net", {})), change.pop("data", examples)
    first = weights(net)
    with pytest.raises(error, match=message), jax.log_compiles(False):
        fit(net, data, **change)
    np.testing.assert_array_equal(weights(net)[0], first[0])


def test_without_a_surrogate_what_needs_none_learns(examples):
    net = small(surrogate=None)
    before = weights(net)
    fit(net, examples, freeze="pixels*")
    assert np.abs(weights(net)[1] - before[1]).max() > 1e-3


def test_gradients_come_from_where_one_says(examples):
    """By name, by function, or by a rule of one's own, which need not differentiate."""

    def halved(objective):
        step = bs.train.bptt(objective)

        def own(*given):
            value, slopes = step(*given)
            return value, jax.tree.map(lambda slope: slope / 2, slopes)

        return own

    found = []
    for gradient, rate in (("bptt", 0.1), (bs.train.bptt, 0.1), (halved, 0.2)):
        net = small()
        fit(net, examples, epochs=1, gradient=gradient, optimizer=optax.sgd(rate))
        found.append(weights(net)[0])
    np.testing.assert_array_equal(found[1], found[0])
    np.testing.assert_allclose(found[2], found[0], rtol=1e-12)
    with pytest.raises(bs.UnknownNameError, match="gradient: 'eprop' is unknown. Did you mean 'e_prop'.*bptt"):
        fit(small(), examples, gradient="eprop")
    with pytest.raises(TypeError, match="gradient: expected a name"):
        fit(small(), examples, gradient=3)


@pytest.mark.parametrize(
    ("encoder", "scale", "shift", "message"),
    [
        (
            bs.encoding.Bernoulli(),
            255,
            0,
            r"Bernoulli tells values from 0 to 1 apart.* go.* to .*: scale the data first",
        ),
        (bs.encoding.Bernoulli(gain=0.5), 2, 0, None),
        (bs.encoding.Poisson(), 1, -0.5, "Poisson tells values from 0 to inf apart, and"),
        (bs.encoding.Phase(), 1.5, 0, "Phase tells values from 0 to 1 apart"),
        (bs.encoding.Latency(linear=True), 1.5, 0, "Latency tells values from 0 to 1 apart"),
        (bs.encoding.Latency(), 255, 0, None),
        (bs.encoding.SpikeTime(2 * u.ms, 10 * u.ms), 1, 0, "SpikeTime tells values from -0.25 to 0.75 apart"),
        (bs.encoding.SpikeTime(8 * u.ms, 0 * u.ms), 1, 0, None),
        (bs.encoding.Constant(), 255, -9, None),
    ],
)
def test_values_that_an_encoder_does_not_tell_apart_are_told(encoder, scale, shift, message):
    """In a run of 8 ms, of numbers from 0 to 1 on another scale."""
    x = scale * np.linspace(0, 1, 60).reshape(10, 6) + shift
    objective = bs.train.Objective(
        small(), 8 * u.ms, dt=1 * u.ms, loss=losses.cross_entropy, read="out.V", encode=encoder
    )
    batch = bs.train.Batch(x, np.zeros(10, int))
    if message is None:
        return checks.warn_of_values(objective, batch)
    with pytest.warns(UserWarning, match=message):
        checks.warn_of_values(objective, batch)


def test_a_loss_may_have_a_derivative_of_its_own(examples):
    """Written for reverse mode alone; in single precision, where labels are not what NumPy has."""

    @jax.custom_vjp
    def halved(output, target):
        return losses.cross_entropy(output, target)

    def back(kept, g):
        return g * jax.grad(losses.cross_entropy)(*kept) / 2, None

    halved.defvjp(lambda output, target: (losses.cross_entropy(output, target), (output, target)), back)
    found = []
    with jax.enable_x64(False):
        for loss in (losses.cross_entropy, halved):
            found.append(fit(small(), examples, epochs=1, loss=loss, optimizer=optax.sgd(0.0)))
    np.testing.assert_allclose(found[1]["loss"], found[0]["loss"], rtol=1e-6)
    np.testing.assert_allclose(found[1]["gradient norm"], np.array(found[0]["gradient norm"]) / 2, rtol=1e-5)


def test_augmentation_follows_from_seed_epoch_and_batch(examples):
    def noisy(inputs, rng):
        return inputs + rng.normal(size=inputs.shape)

    data = bs.train.Arrays(*examples, batch=20, seed=4, augment=noisy)
    one, again = (list(data.epoch(1)) for _ in range(2))
    plain = list(bs.train.Arrays(*examples, batch=20, seed=4).epoch(1))
    for k in range(3):
        np.testing.assert_array_equal(one[k].inputs, again[k].inputs)
        np.testing.assert_array_equal(
            one[k].inputs - plain[k].inputs - np.random.default_rng([4, 1, k]).normal(size=(20, 6)) < 1e-12, True
        )


def test_sequences_of_different_length(examples):
    """What follows the end of an example changes nothing."""
    x = np.repeat(examples[0][:, None], 8, 1)
    lengths = np.random.default_rng(0).integers(3, 9, 60)
    other = np.where(np.arange(8)[None, :, None] < lengths[:, None, None], x, 0)
    found = []
    for inputs in (x, other):
        net = small()
        fit(net, (inputs, examples[1], lengths), encode=None)
        found.append(weights(net))
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-12)
    assert not np.allclose(found[0][0], weights(small())[0])


def test_what_would_be_found_out_late_is_refused_at_once(examples, tmp_path):
    x, y = examples
    course = dict(read=("out.V", "sequence"), loss=losses.step_cross_entropy)
    trials = bs.data.GoNoGo(stimulus=2 * u.ms, delay=1 * u.ms, decision=5 * u.ms)
    nothing, file = np.full((60, 3), np.nan), tmp_path / "page"
    file.write_text("notes")
    for data, options, message in (
        ((x, y[:, None]), {}, r"cross_entropy: the output has shape \(3,\), the target \(1,\)"),
        ((x, y[:, None] * 1.0), dict(loss=losses.mean_square), r"mean_square: the output has shape \(3,\), the target \(1,\)"),
        ((x, np.array(["a"] * 60)), {}, "targets are <U1, expected numbers"),
        ((x, y), dict(callbacks=[3]), "callbacks: expected functions of an Epoch"),
        ((x, y), dict(average=2.0), "average: expected a decay from 0 to 1"),
        ((x, y), dict(log=tmp_path / "runs"), "neither in .csv nor in .jsonl; .*TensorBoard"),
        ((x, y), dict(read={}), "the dictionary names no output"),
        (trials, course, r"GoNoGo is a task; give its trials, task\(1000\)"),
        ((x, nothing), dict(loss=losses.mean_square), "targets of this batch are not finite"),
        ((x, y), dict(callbacks=[bs.train.EarlyStopping()]), r"watches 'validation loss', .*; validate=.* is not given"),
        ((x, y), dict(callbacks=[bs.train.EarlyStopping("accuarcy")]), "watches 'accuarcy', .* Did you mean 'accuracy'"),
        ((x, y), dict(save_every=0), "save_every: expected a positive integer, given 0"),
        ((x, y), dict(checkpoint=3), "checkpoint: expected the path of a folder, given 3"),
        ((x, y), dict(seed="a"), "seed: expected a whole number, given 'a'"),
        ((x, y), dict(metrics="accuracy"), "metrics: expected functions, such as .*given 'accuracy'"),
        ((x, y), dict(penalties=["rate"]), "penalties: expected those of bs.train.penalties"),
        ((x, y), dict(loss="mean_square"), "loss: expected a function, such as .*cross_entropy, given 'mean_square'"),
        ((x, y), dict(encode="poisson"), r"encode: expected a function, such as .*Constant\(\), given 'poisson'"),
        ((x, y), dict(optimizer="adam"), r"optimizer: expected one of optax, such as optax.adam\(1e-3\), given 'adam'"),
        ((x, y), dict(optimizer={"*": "adam"}), "optimizer: expected one of optax"),
        ((x, y), dict(loss=lambda out, label: 1.0 * (jnp.argmax(out) != label)), "no derivative with respect to out.V"),
        ((x, y), dict(loss=lambda out, label: jnp.round(out).sum(), gradient="e_prop"), "no derivative .*reinforce"),
        ((x * 1j, y), {}, "inputs are complex128, expected numbers"),
        ((x * u.mV, y), {}, "data: inputs are in mV; give numbers without unit"),
        ((x, None), {}, "there are no targets"),
        ((x, y * 1.0), {}, r"cross_entropy: a class is a whole number, given float64; targets.astype\(int\)"),
        ((x, y), dict(encode=bs.encoding.Constant), r"encode: Constant is a class; give one of it, Constant\(\)"),
        ((x, y), dict(callbacks=bs.train.Steps()), r"callbacks: expected a list of them, .*callbacks=\[...\]"),
        ((x, y), dict(callbacks=[bs.train.EarlyStopping]), r"EarlyStopping is a class; give one of it, EarlyStopping\(\)"),
        ((x, y), dict(penalties=bs.train.Activity("hidden")), r"penalties: expected a list of them"),
        ((x, y), dict(penalties=[bs.train.RateBand("hidden", dt=2 * u.ms)]), "RateBand counts in steps of 2 ms, and a step is 1"),
        ((x, y), dict(loss=losses.van_rossum(5 * u.ms, dt=0.5 * u.ms)), "van_rossum counts in steps of 0.5 ms"),
        ((x, y), dict(average=True), "average: expected a decay from 0 to 1"),
        ((x, y), dict(log=tmp_path / "none" / "log.csv"), "log: there is no folder .*none to write log.csv in"),
        ((x, y), dict(checkpoint=file), "page is a file; give a new folder"),
        ((x, y), dict(transforms={"hidden.tau": transforms.Positive()}), "hidden.tau does not learn; learn='hidden.tau' makes it"),
        ((x, y), dict(validate=(x[:, :5], y)), r"validate: encode: Constant makes the shape \(8, 5\)"),
        ((x, y), dict(validate=[(x, y + 1)]), "validate: labels go from 1 to 3"),
        ((x, y), dict(validate=[]), "validate: there are no batches"),
    ):  # fmt: skip
        with pytest.raises((ValueError, TypeError, OSError, bs.NonFiniteError, bs.UnknownNameError), match=message):
            fit(small(), data, epochs=1, **options)
    with pytest.raises(TypeError, match=r"expected a Network, such as bs.nn.Sequential\(...\), given Neurons"):
        fit(bs.nn.LIF(), (x, y))
    with pytest.raises(ValueError, match="patience: expected a positive integer, given 0"):
        bs.train.EarlyStopping(patience=0)
    with pytest.raises(TypeError, match="EarlyStopping: largest: expected True or False, given 'yes'"):
        bs.train.EarlyStopping(largest="yes")
    with pytest.raises(ValueError, match="EarlyStopping: least: expected a number of 0 or more, given True"):
        bs.train.EarlyStopping(least=True)
    with pytest.raises(TypeError, match="remat: expected True or False, given 'yes'"):
        fit(small(), examples, remat="yes")
    net = small(n=3, classes=2)
    net["pixels->hidden"].weight = 1 * u.mV * np.ones((3, 8))
    fit(net, trials(20), epochs=1, encode=None, callbacks=[bs.train.Steps()], **course)


def test_a_task_is_data_with_a_target_in_each_step():
    ms = u.ms
    task = bs.data.EvidenceAccumulation(
        cues=1,
        cue=4 * ms,
        gap=0 * ms,
        delay=(1 * ms, 3 * ms),
        decision=3 * ms,
        neurons=2,
        noise=1 * u.kHz,
        rate=1 * u.kHz,
    )
    data, score = task.batches(8, 2), bs.train.measures.decision()
    options = dict(loss=bs.train.losses.step_cross_entropy, read=("out.V", "sequence"), metrics=[score], epochs=1)
    for gradient in ("bptt", "e_prop"):
        history = bs.train.fit(small(n=8, classes=2), data, task.duration, gradient=gradient, progress=False, **options)
        assert 0 <= history["decision"][0] <= 1 and np.isfinite(history["loss"][0])
    with pytest.raises(ValueError, match="labels go up to 1, and the output has 1 units"):
        bs.train.fit(small(n=8, classes=1), data, task.duration, **options)


def test_a_network_is_measured_as_it_is(examples):
    """What is validated is what is measured afterwards; outputs are those of runs one by one."""
    x, y = examples
    net, options = small(), dict(encode=bs.encoding.Constant(), read="out.V")
    history = fit(net, examples, epochs=1, validate=(x[:50], y[:50]))
    for data in ((x[:50], y[:50]), [(x[:20], y[:20]), (x[20:50], y[20:50])]):
        result = bs.train.evaluate(net, data, 8 * u.ms, batch=20, **options)
        np.testing.assert_allclose(result["loss"], history["validation loss"][0], rtol=1e-12)
        assert result["accuracy"] == np.mean(result.outputs.argmax(1) == y[:50]) == np.mean(result.values["accuracy"])
    np.testing.assert_array_equal(bs.train.predict(net, x[:50], 8 * u.ms, batch=20, **options), result.outputs)
    given = dict(inputs={"pixels.input": np.tile(x[33], (8, 1))})
    rec = bs.simulate(net, 8 * u.ms, dt=1 * u.ms, record=["out.V", "hidden.spikes"], **given)
    np.testing.assert_allclose(result.outputs[33], rec["out.V"].mean(axis=0) / u.mV, rtol=1e-12)
    net.reset()
    one = bs.train.evaluate(net, (x[33:34], y[33:34]), 8 * u.ms, **options)
    np.testing.assert_allclose(one.rates["hidden"] / u.Hz, np.mean(rec.spikes["hidden"].numbers()) / 8e-3, rtol=1e-12)
    for data, message in (
        ((x, y + 1), "labels go from 1 to 3"),
        ([(x, y - 1)], "labels go from -1"),
        ([], "no batches"),
    ):
        with pytest.raises(ValueError, match=message):
            bs.train.evaluate(net, data, 8 * u.ms, **options)
    with pytest.raises(bs.UnknownNameError, match="'acuracy' was not measured. Did you mean 'accuracy'"):
        result["acuracy"]
    with pytest.raises(TypeError, match=r"inputs: expected an array \(examples, ...\), given list"):
        bs.train.predict(net, [x], 8 * u.ms)

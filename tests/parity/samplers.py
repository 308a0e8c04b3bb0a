"""Every sampler on denoisers in closed form: an implementation of its own in NumPy, and the official code beside it.

The data are mixtures of Gaussians, so velocity, noise and data that a perfect network would predict are known exactly; for
MeanFlow and consistency models, which predict where a path of the ODE leads, each class is one Gaussian. Prints one JSON
document with the state before every call of the network and after the last one; the recorded one stands beside this file
(`harness/tests/samplers.rs` reads it). Usage:

    python samplers.py [--repa DIR] [--sit DIR] [--dit DIR] [--jit DIR] [--consistency DIR] [--meanflow DIR] > samplers.json

The folders are checkouts of sihyun-yu/REPA at 67f7145, willisma/SiT at 947f95b, facebookresearch/DiT at ed81ce2, the folder `jit`
of End2End-Diffusion/iREPA at 99ad4ac (JiT with REPA; its sampler is JiT's), openai/consistency_models at e32b69e and
Gsunshine/py-meanflow at 1f6d72d. Their samplers run in float64 on the same denoiser and the same noise, and the largest relative
difference of any state is put under "official"; under "torch" are the last states of REPA, SiT and DiT with noise of their own,
drawn on a CPU. Only these parts need PyTorch. DiT rounds its coefficients to float32 in any case;
it is run once so and once with that one function replaced by one that does not round.

What was recorded, of values taken for at least 1e-3: REPA 5e-12 in 250 steps of its SDE and 4e-14 in its ODE, SiT 1e-13, JiT
1e-13, MeanFlow 0; DiT 4e-5 with its rounded coefficients and 1e-12 without; consistency models 4e-10, since their last step
adds noise of √(σ² - σ_min²) where σ was to be σ_min and is not in the last bit.
"""

import argparse
import hashlib
import importlib
import json
import math
import re
import sys
import types
from pathlib import Path

import numpy as np
from portable_arrays import uniform

SAMPLES, VALUES = 2, 4
LABELS = np.array([0, 1])
NONE = 1000

# The data: three Gaussians. Class 0 is the first two, class 1 the last two, none is all of them.
WEIGHTS = np.array([0.2, 0.5, 0.3])
MEANS = np.array([[0.5, -0.25, 0.75, -0.5], [-0.75, 0.5, 0.25, 0.0], [0.125, 1.0, -0.5, 0.25]])
DEVIATIONS = np.array([0.3, 0.5, 0.2])
MEMBERS = {0: [0, 1], 1: [1, 2], NONE: [0, 1, 2]}
# For the networks that predict where a path leads: one Gaussian a class.
SINGLE = {0: 0, 1: 2, NONE: 1}


def noise(sequence):
    """[samples, values] of mean 0 and variance 1; whether they are normal does not matter here."""
    return (uniform(sequence, SAMPLES * VALUES) - 0.5).reshape(SAMPLES, VALUES) * math.sqrt(12.0)


START, STEPS = 1000, 1001


def expected_data(x, alpha, sigma, labels):
    """E[data | x] for x = alpha data + sigma noise, noise standard normal."""
    result = np.empty_like(x)
    for row, label in enumerate(labels):
        members = MEMBERS[int(label)]
        means, deviations = MEANS[members], DEVIATIONS[members]
        variances = alpha**2 * deviations**2 + sigma**2
        away = x[row] - alpha * means
        logs = np.log(WEIGHTS[members]) - 0.5 * VALUES * np.log(variances) - 0.5 * (away**2).sum(axis=1) / variances
        share = np.exp(logs - logs.max())
        share /= share.sum()
        result[row] = share @ (means + (alpha * deviations**2 / variances)[:, None] * away)
    return result


def velocity(x, s, labels):
    """E[noise - data | x] on the linear path x = (1 - s) data + s noise."""
    data = expected_data(x, 1 - s, s, labels)
    return (x - (1 - s) * data) / s - data


def learned(x):
    """The second half of the output of a network with a learned variance: anything from -1 to 1."""
    return x / (1 + np.abs(x))


def spread(s, deviation):
    """Standard deviation of x on the linear path."""
    return np.sqrt((1 - s) ** 2 * deviation**2 + s**2)


def mean_velocity(x, s, end, labels):
    """The mean velocity of the ODE from s to end; single Gaussians, whose paths are known."""
    result = np.empty_like(x)
    for row, label in enumerate(labels):
        mean, deviation = MEANS[SINGLE[int(label)]], DEVIATIONS[SINGLE[int(label)]]
        goal = (1 - end) * mean + spread(end, deviation) / spread(s, deviation) * (x[row] - (1 - s) * mean)
        result[row] = (x[row] - goal) / (s - end)
    return result


def consistent_data(x, sigma, sigma_min, labels):
    """Where the path of x = data + sigma noise comes from at sigma_min; single Gaussians."""
    result = np.empty_like(x)
    for row, label in enumerate(labels):
        mean, deviation = MEANS[SINGLE[int(label)]], DEVIATIONS[SINGLE[int(label)]]
        result[row] = mean + np.sqrt((deviation**2 + sigma_min**2) / (deviation**2 + sigma**2)) * (x[row] - mean)
    return result


def guided(network, scale, values=VALUES):
    """Classifier-free guidance of the first values of each row."""

    def of(*arguments):
        of_class, of_none = network(*arguments, LABELS), network(*arguments, np.full(SAMPLES, NONE))
        result = of_class.copy()
        result[:, :values] = of_none[:, :values] + scale * (of_class - of_none)[:, :values]
        return result

    return of


def plain(network):
    return lambda *arguments: network(*arguments, LABELS)


def flow_sde(steps, last, network_at):
    """REPA's way: the score from the velocity, the drift from the score; noise in all steps but the last."""
    times = np.append(np.linspace(1.0, last, steps), 0.0)
    x = noise(START)
    states = [x]
    for i, (s, end) in enumerate(zip(times[:-1], times[1:])):
        v = network_at(s)(x, s)
        score = -(x + (1 - s) * v) / s
        w = 2 * s
        x = x + (end - s) * (v - 0.5 * w * score)
        if i < steps - 1:
            x = x + np.sqrt(w * (s - end)) * noise(STEPS + i)
        states.append(x)
    return states


def sit_sde(steps, last, network):
    """SiT's way: time runs from noise to data, the drift is the velocity plus w times the score, with w = 1 - t."""
    times = np.linspace(0.0, 1.0 - last, steps)
    length = times[1] - times[0]
    x = noise(START)
    states = [x]

    def drift(x, t):
        v = -network(x, 1 - t)
        return v + (1 - t) * ((t * v - x) / (1 - t))

    for i, t in enumerate(times[:-1]):
        x = x + length * drift(x, t) + np.sqrt(2 * (1 - t)) * np.sqrt(length) * noise(STEPS + i)
        states.append(x)
    states.append(x + last * drift(x, times[-1]))
    return states


def euler(steps, network_at):
    times = np.linspace(1.0, 0.0, steps + 1)
    x = noise(START)
    states = [x]
    for s, end in zip(times[:-1], times[1:]):
        x = x + (end - s) * network_at(s)(x, s)
        states.append(x)
    return states


def heun(steps, network_at):
    """REPA: guidance of both calls of a step is decided at its begin."""
    times = np.linspace(1.0, 0.0, steps + 1)
    x = noise(START)
    states = [x]
    for i, (s, end) in enumerate(zip(times[:-1], times[1:])):
        network = network_at(s)
        first = network(x, s)
        there = x + (end - s) * first
        states.append(there)
        if i == steps - 1:
            break
        x = x + (end - s) * 0.5 * (first + network(there, end))
        states.append(x)
    return states


def jit(steps, scale, use_heun, network_at, least=0.05):
    """JiT's way: noise at 0, a network that predicts the data, and velocity (data - x) / max(1 - t, least)."""
    times = np.linspace(0.0, 1.0, steps + 1)
    x = scale * noise(START)
    states = [x]
    slope = lambda x, t: (network_at(t)(x, t) - x) / max(1 - t, least)
    for i, (t, end) in enumerate(zip(times[:-1], times[1:])):
        first = slope(x, t)
        there = x + (end - t) * first
        states.append(there)
        if use_heun and i < steps - 1:
            x = x + (end - t) * 0.5 * (first + slope(there, end))
            states.append(x)
        else:
            x = there
    return states


def linear_process(steps=1000, first=1e-4, last=0.02):
    return np.linspace(first, last, steps)


def cosine_process(steps):
    left = np.cos((np.arange(steps + 1) / steps + 0.008) / 1.008 * np.pi / 2) ** 2
    return np.minimum(1 - left[1:] / left[:-1], 0.999)


def spaced(count, steps):
    """From first to last; the position is summed up, and halves are rounded to even, as the published code does it."""
    position, times = 0.0, []
    for _ in range(steps):
        times.append(round(position))
        position += (count - 1) / (steps - 1) if steps > 1 else 1
    return times


def strided(count, steps):
    return next(list(range(0, count, k)) for k in range(1, count) if len(range(0, count, k)) == steps)


def diffusion(betas, times, sample, network):
    """Walks a process backwards; `sample` makes the next state of the predicted noise."""
    signals = np.cumprod(1 - betas)
    x = noise(START)
    states = [x]
    for i, time in enumerate(reversed(times)):
        place = len(times) - 1 - i
        signal, end = signals[time], signals[times[place - 1]] if place else 1.0
        x = sample(x, network(x, signal), signal, end, noise(STEPS + i) if place else 0.0)
        states.append(x)
    return states


def predicted_data(x, epsilon, signal, clip):
    data = (x - np.sqrt(1 - signal) * epsilon) / np.sqrt(signal)
    return np.clip(data, -1, 1) if clip else data


def ddpm(variance, clip=False):
    """Bayes' rule: what is known of the next state from the data and from the state, weighted by their precision."""

    def sample(x, output, signal, end, noise):
        epsilon = output[:, :VALUES]
        data = predicted_data(x, epsilon, signal, clip)
        kept = signal / end
        beta = 1 - kept
        if end == 1.0:
            return data
        small = 1 / (1 / (1 - end) + kept / beta)
        mean = small * (np.sqrt(end) * data / (1 - end) + np.sqrt(kept) * x / beta)
        if variance == "learned":
            share = (output[:, VALUES:] + 1) / 2
            deviation = np.sqrt(beta**share * small ** (1 - share))
        else:
            deviation = np.sqrt({"small": small, "large": beta}[variance])
        return mean + deviation * noise

    return sample


def ddim(eta, clip=False):
    def sample(x, output, signal, end, noise):
        data = predicted_data(x, output[:, :VALUES], signal, clip)
        direction = (x - np.sqrt(signal) * data) / np.sqrt(1 - signal)
        deviation = eta * np.sqrt((1 - end) / (1 - signal) * (1 - signal / end))
        return np.sqrt(end) * data + np.sqrt(1 - end - deviation**2) * direction + deviation * noise

    return sample


def predicted_noise(x, signal, labels):
    return (x - np.sqrt(signal) * expected_data(x, np.sqrt(signal), np.sqrt(1 - signal), labels)) / np.sqrt(1 - signal)


def with_variance(x, signal, labels):
    return np.concatenate([predicted_noise(x, signal, labels), learned(x)], axis=1)


def mean_flow(steps, network):
    times = np.linspace(1.0, 0.0, steps + 1)
    x = noise(START)
    states = [x]
    for s, end in zip(times[:-1], times[1:]):
        x = x - (s - end) * network(x, s, end)
        states.append(x)
    return states


def consistency(sigmas, sigma_min, clip, network):
    x = sigmas[0] * noise(START)
    states = [x]
    for i, sigma in enumerate(sigmas):
        x = network(x, sigma, sigma_min)
        if clip:
            x = np.clip(x, -1, 1)
        if i + 1 < len(sigmas):
            x = x + np.sqrt(sigmas[i + 1] ** 2 - sigma_min**2) * noise(STEPS + i)
        states.append(x)
    return states


def karras_sigma(place, steps, sigma_max=80.0, sigma_min=0.002, rho=7.0):
    high, low = sigma_max ** (1 / rho), sigma_min ** (1 / rho)
    return (high + place / (steps - 1) * (low - high)) ** rho


def inside(network, scale, low, high, values=VALUES):
    """Guidance within an interval of times, both ends included."""
    on, off = guided(network, scale, values), plain(network)
    return lambda s: on if low - 1e-9 <= s <= high + 1e-9 else off


def always(network):
    return lambda _: network


def cases():
    """Name, manifest entries, states."""
    one, zero = {"kind": "velocity", "noise_at": "one"}, {"kind": "velocity", "noise_at": "zero"}
    data = {"kind": "linear-path-data", "noise_at": "zero", "least_distance": 0.05}
    fixed, ranged = ({"kind": "noise", "learned_variance": flag} for flag in (False, True))
    of_data = lambda x, t, labels: expected_data(x, t, 1 - t, labels)
    of_large = lambda x, t, labels: expected_data(x, t, 2 * (1 - t), labels)
    data_slope = lambda x, s, labels: (x - expected_data(x, 1 - s, s, labels)) / max(s, 0.05)
    linear = {"schedule": "linear", "steps": 1000, "first": 1e-4, "last": 0.02}
    betas = linear_process()
    yield "repa-sde", dict(kind="flow-sde", steps=250, last=0.04), one, None, flow_sde(250, 0.04, always(plain(velocity)))
    yield (
        "repa-sde-guided", dict(kind="flow-sde", steps=50, last=0.04), one, dict(scale=1.8, interval=[0.0, 0.7]),
        flow_sde(50, 0.04, inside(velocity, 1.8, 0.0, 0.7)),
    )
    yield (
        "sit-sde", dict(kind="flow-sde", steps=100, last=0.04), zero, dict(scale=4.0, channels=3),
        sit_sde(100, 0.04, guided(velocity, 4.0, 3)),
    )
    yield (
        "data-sde", dict(kind="flow-sde", steps=40, last=0.02), data, None, flow_sde(40, 0.02, always(plain(data_slope))),
    )
    for name, kind, sampler in (("repa-euler", "flow-euler", euler), ("repa-heun", "flow-heun", heun)):
        yield (
            name, dict(kind=kind, steps=50), one, dict(scale=1.8, interval=[0.1, 0.7]),
            sampler(50, inside(velocity, 1.8, 0.1, 0.7)),
        )
    yield "heun-zero", dict(kind="flow-heun", steps=7), zero, None, heun(7, always(plain(velocity)))
    yield (
        "jit-euler", dict(kind="flow-euler", steps=50, noise_scale=2.0), data, None,
        jit(50, 2.0, False, always(plain(of_large))),
    )
    # The guidance interval of JiT: above 0.1 in its own time, which is below 0.9 here.
    above = lambda t: guided(of_data, 2.9) if t > 0.1 + 1e-9 else plain(of_data)
    yield (
        "jit-heun", dict(kind="flow-heun", steps=50), data,
        dict(scale=2.9, interval=[0.0, 0.9], ends="excluded", at="call"), jit(50, 1.0, True, above),
    )
    yield (
        "dit-ddpm", dict(kind="ddpm", steps=250, process=linear, variance="learned"), ranged,
        dict(scale=4.0, channels=3), diffusion(betas, spaced(1000, 250), ddpm("learned"), guided(with_variance, 4.0, 3)),
    )
    yield (
        "ddpm-small", dict(kind="ddpm", steps=30, process=dict(schedule="cosine", steps=100), variance="small", clip=True),
        fixed, None, diffusion(cosine_process(100), spaced(100, 30), ddpm("small", True), plain(predicted_noise)),
    )
    yield (
        "ddpm-large", dict(kind="ddpm", steps=25, process=linear, spacing="stride", variance="large"), ranged, None,
        diffusion(betas, strided(1000, 25), ddpm("large"), plain(with_variance)),
    )
    yield (
        "ddim", dict(kind="ddim", steps=50, process=linear, spacing="stride"), ranged, dict(scale=1.5),
        diffusion(betas, strided(1000, 50), ddim(0.0), guided(with_variance, 1.5)),
    )
    yield (
        "ddim-eta", dict(kind="ddim", steps=20, process=linear, eta=0.7, clip=True), fixed, None,
        diffusion(betas, spaced(1000, 20), ddim(0.7, True), plain(predicted_noise)),
    )
    for steps in (1, 4):
        yield (
            f"mean-flow-{steps}", dict(kind="mean-flow", steps=steps), dict(kind="mean-velocity"), None,
            mean_flow(steps, plain(mean_velocity)),
        )
    yield (
        "mean-flow-guided", dict(kind="mean-flow", steps=5), dict(kind="mean-velocity"),
        dict(scale=2.0, interval=[0.4, 1.0]),
        (lambda at: mean_flow(5, lambda x, s, end: at(s)(x, s, end)))(inside(mean_velocity, 2.0, 0.4, 1.0)),
    )
    for name, places, clip in (("one", [0], False), ("two", [0, 22], False), ("three", [0, 15, 30], True)):
        sigmas = [karras_sigma(place, 40) for place in places]
        yield (
            f"consistency-{name}", dict(kind="consistency", sigmas=sigmas, sigma_min=0.002, clip=clip),
            dict(kind="consistent-data"), None, consistency(sigmas, 0.002, clip, plain(consistent_data)),
        )


# From here on: the official code.


class Peer:
    """A denoiser for official code: tensors in and out, every input remembered, noise given."""

    def __init__(self, torch):
        self.torch, self.inputs, self.drawn = torch, [], 0

    def call(self, network, x, *times, labels):
        """Rows may be more than the samples: those of class none follow."""
        rows = x.detach().numpy().reshape(len(x), VALUES)
        # SiT asks twice, for the velocity and for the score.
        if not self.inputs or not np.array_equal(self.inputs[-1], rows[:SAMPLES]):
            self.inputs.append(rows[:SAMPLES].copy())
        times = [float(time.reshape(-1)[0]) for time in times]
        parts = [
            network(rows[at : at + SAMPLES], *times, labels[at : at + SAMPLES]) for at in range(0, len(rows), SAMPLES)
        ]
        out = np.concatenate(parts)
        return self.torch.from_numpy(out).reshape(len(x), out.shape[1], 1, 1)

    def start(self, *_, **__):
        return self.tensor(noise(START))

    def draw(self, like):
        """The noise of a step; rows of class none have their own in official code, which nothing depends on."""
        rows = len(like) if hasattr(like, "shape") else like[0]
        self.drawn += 1
        return self.tensor(np.tile(noise(STEPS + self.drawn - 1), (rows // SAMPLES, 1)))

    def tensor(self, values):
        return self.torch.from_numpy(np.ascontiguousarray(values)).reshape(len(values), VALUES, 1, 1)

    def states(self, last):
        return self.inputs + [last.numpy().reshape(-1, VALUES)[:SAMPLES]]


def difference(states, reference):
    assert len(states) == len(reference), (len(states), len(reference))
    return max(float((np.abs(a - b) / np.maximum(np.abs(b), 1e-3)).max()) for a, b in zip(states, reference))


def load(folder, module, stubs=()):
    """A module of a checkout. What it imports for other purposes than sampling is replaced by something empty."""
    for name in stubs:
        parts = name.split(".")
        for end in range(1, len(parts) + 1):
            sys.modules.setdefault(".".join(parts[:end]), Empty(".".join(parts[:end])))
    sys.path.insert(0, str(folder))
    try:
        loaded = importlib.import_module(module)
    finally:
        sys.path.remove(str(folder))
    for name in [name for name in sys.modules if name.split(".")[0] == module.split(".")[0]]:
        del sys.modules[name]
    return loaded


class Empty(types.ModuleType):
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


def digest(module):
    return hashlib.sha256(Path(module.__file__).read_bytes()).hexdigest()


def official(arguments, reference):
    import torch

    torch.set_default_dtype(torch.float64)
    found = {"torch": torch.__version__}
    randn, randn_like = torch.randn, torch.randn_like

    def compare(name, case, module, run):
        peer = Peer(torch)
        last = run(peer)
        torch.randn, torch.randn_like = randn, randn_like
        found[name] = {
            "case": case,
            "file": Path(module.__file__).name,
            "sha256": digest(module),
            "largest_relative_difference": difference(peer.states(last), reference[case]),
        }

    labels = torch.from_numpy(LABELS)
    both = torch.cat([labels, torch.full((SAMPLES,), NONE)])

    if arguments.repa:
        module = load(arguments.repa, "samplers")

        def repa(sampler, **options):
            def run(peer):
                torch.randn_like = peer.draw
                model = lambda x, t, y: (peer.call(velocity, x, t, labels=y.numpy()),)
                return getattr(module, sampler)(model, peer.start(), labels, **options)

            return run

        em = "euler_maruyama_sampler"
        compare("REPA, SDE", "repa-sde", module, repa(em, num_steps=250))
        compare("REPA, SDE guided", "repa-sde-guided", module, repa(em, num_steps=50, cfg_scale=1.8, guidance_high=0.7))
        interval = dict(num_steps=50, cfg_scale=1.8, guidance_low=0.1, guidance_high=0.7)
        compare("REPA, Euler", "repa-euler", module, repa("euler_sampler", **interval))
        compare("REPA, Heun", "repa-heun", module, repa("euler_sampler", heun=True, **interval))

    timm = ["timm.models.vision_transformer"]
    if arguments.sit:
        transport = load(arguments.sit, "transport", ["torchdiffeq"])
        models = load(arguments.sit, "models", timm)

        def sit(peer):
            torch.randn = peer.draw
            network = lambda x, t, y: -peer.call(lambda x, t, y: velocity(x, 1 - t, y), x, t, labels=y.numpy())
            fake = types.SimpleNamespace(forward=network)
            model = lambda x, t, y: models.SiT.forward_with_cfg(fake, x, t, y, 4.0)
            # "sigma" is the default of its command line, not of this function.
            sampler = transport.Sampler(transport.create_transport())
            sample = sampler.sample_sde(diffusion_form="sigma", num_steps=100)
            return sample(torch.cat([peer.start()] * 2), model, y=both)[-1]

        compare("SiT, SDE guided", "sit-sde", transport.transport, sit)

    if arguments.dit:
        package = load(arguments.dit, "diffusion")
        models = load(arguments.dit, "models", timm)
        inner = package.gd
        extract = inner._extract_into_tensor

        def rounded(values, times, shape):
            return extract(values, times, shape)

        def exact(values, times, shape):
            return torch.from_numpy(values)[times].reshape(-1, *[1] * (len(shape) - 1)).expand(shape)

        def dit(spacing, loop, scale, extraction, learn=True, network=with_variance, **options):
            def run(peer):
                inner._extract_into_tensor = extraction
                torch.randn_like = peer.draw
                signals = np.cumprod(1 - linear_process())
                forward = lambda x, t, y: peer.call(
                    lambda x, t, y: network(x, signals[int(t)], y), x, t, labels=y.numpy()
                )
                process = package.create_diffusion(spacing, learn_sigma=learn)
                start, of, keywords = peer.start(), forward, dict(y=labels)
                if scale:
                    fake = types.SimpleNamespace(forward=forward)
                    of = lambda x, t, y: models.DiT.forward_with_cfg(fake, x, t, y, scale)
                    start, keywords = torch.cat([start, start]), dict(y=both)
                sample = getattr(process, loop)(
                    of, start.shape, start, model_kwargs=keywords, device=start.device, **options
                )
                inner._extract_into_tensor = extract
                return sample

            return run

        ancestral, implicit = "p_sample_loop", "ddim_sample_loop"
        for how, extraction in (("", rounded), (", float64 coefficients", exact)):
            compare(
                f"DiT, DDPM guided{how}", "dit-ddpm", inner, dit("250", ancestral, 4.0, extraction, clip_denoised=False)
            )
            compare(
                f"DiT, DDIM with noise, clipped{how}", "ddim-eta", inner,
                dit("20", implicit, None, extraction, learn=False, network=predicted_noise, clip_denoised=True, eta=0.7),
            )
        for count, steps in ((1000, 250), (1000, 50), (1000, 27), (100, 30), (1000, 1), (1000, 1000)):
            assert package.space_timesteps(count, str(steps)) == set(spaced(count, steps)), (count, steps)
        for steps in (50, 25, 100, 1000):
            assert package.space_timesteps(1000, f"ddim{steps}") == set(strided(1000, steps)), steps
        cosine = inner.get_named_beta_schedule("squaredcos_cap_v2", 100)
        assert np.abs(cosine / cosine_process(100) - 1).max() < 1e-12

    if arguments.jit:
        module = load(arguments.jit, "denoiser", ["model_jit", "projection_loss"])

        def jit_peer(method, scale, cfg, low):
            def run(peer):
                torch.randn = peer.start
                of = lambda x, t, y: expected_data(x, t, scale * (1 - t), y)
                denoiser = module.Denoiser.__new__(module.Denoiser)
                torch.nn.Module.__init__(denoiser)
                denoiser.net = lambda z, t, y: (peer.call(of, z, t, labels=y.numpy()), None, None)
                denoiser.noise_scale, denoiser.img_size, denoiser.steps = scale, 1, 50
                denoiser.method, denoiser.cfg_scale, denoiser.cfg_interval = method, cfg, (low, 1.0)
                denoiser.num_classes, denoiser.t_eps = NONE, 0.05
                return denoiser.generate(labels)

            return run

        compare("JiT, Euler", "jit-euler", module, jit_peer("euler", 2.0, 1.0, 0.0))
        compare("JiT, Heun guided", "jit-heun", module, jit_peer("heun", 1.0, 2.9, 0.1))

    if arguments.consistency:
        stubs = ["piq", "torchvision.transforms", "mpi4py", "blobfile"]
        module = load(arguments.consistency, "cm.karras_diffusion", stubs)

        def consistency_peer(peer):
            network = lambda x, sigma: peer.call(
                lambda x, sigma, y: consistent_data(x, sigma, 0.002, y), x, sigma, labels=LABELS
            )
            generator = types.SimpleNamespace(randn_like=peer.draw)
            return module.stochastic_iterative_sampler(
                network, 80.0 * peer.start(), None, generator, ts=(0, 22, 39), steps=40
            )

        compare("consistency models, two steps", "consistency-two", module, consistency_peer)

    if arguments.meanflow:
        module = load(arguments.meanflow / "meanflow", "models.meanflow")

        def mean_flow_peer(peer):
            torch.randn = peer.start
            of = lambda x, t, h, y: mean_velocity(x, t, t - h, y)
            net = lambda z, times, aug_cond: peer.call(of, z, *times, labels=LABELS)
            return module.MeanFlow.sample(None, (SAMPLES, VALUES, 1, 1), net=net)

        compare("MeanFlow, one step", "mean-flow-1", module, mean_flow_peer)
    return found


def drawn(arguments):
    """Last states of two batches of five, sampled by official code with its own noise."""
    import torch

    torch.set_default_dtype(torch.float64)
    randn, randn_like = torch.randn, torch.randn_like
    count, found = 5, {}

    def script(name, batch, seed=7):
        torch.manual_seed(seed)
        labels, states = [], []
        for _ in range(2):
            z = torch.randn(count, VALUES, 1, 1, dtype=torch.float32).double()
            y = torch.randint(0, 2, (count,))
            states.append(batch(z, y).reshape(-1, VALUES)[:count].numpy())
            labels.append(y.numpy())
        torch.randn, torch.randn_like = randn, randn_like
        found[name] = {
            "seed": seed,
            "batch": count,
            "labels": np.concatenate(labels).tolist(),
            "states": np.concatenate(states).tolist(),
        }

    def rows(network, x, *times, labels):
        flat, out = x.numpy().reshape(len(x), VALUES), []
        for row, label in zip(flat, labels.numpy()):
            out.append(network(row[None], *[float(time.reshape(-1)[0]) for time in times], [label])[0])
        return torch.from_numpy(np.stack(out)).reshape(len(x), -1, 1, 1)

    none = torch.full((count,), NONE)
    if arguments.repa:
        module = load(arguments.repa, "samplers")
        model = lambda x, t, y: (rows(velocity, x, t, labels=y),)
        script("repa", lambda z, y: module.euler_maruyama_sampler(model, z, y, num_steps=50, cfg_scale=1.8, guidance_high=0.7))
    timm = ["timm.models.vision_transformer"]
    if arguments.sit:
        transport, models = load(arguments.sit, "transport", ["torchdiffeq"]), load(arguments.sit, "models", timm)

        def sit(z, y):
            # The script's states, and so its noise, are float32.
            torch.randn = lambda *size: randn(*size, dtype=torch.float32).double()
            fake = types.SimpleNamespace(
                forward=lambda x, t, y: -rows(lambda x, t, y: velocity(x, 1 - t, y), x, t, labels=y)
            )
            model = lambda x, t, y: models.SiT.forward_with_cfg(fake, x, t, y, 4.0)
            sampler = transport.Sampler(transport.create_transport())
            sample = sampler.sample_sde(diffusion_form="sigma", num_steps=100)
            last = sample(torch.cat([z, z]), model, y=torch.cat([y, none]))[-1]
            torch.randn = randn
            return last

        script("sit", sit)
    if arguments.dit:
        package, models = load(arguments.dit, "diffusion"), load(arguments.dit, "models", timm)
        signals = np.cumprod(1 - linear_process())

        def exact(values, times, shape):
            return torch.from_numpy(values)[times].reshape(-1, *[1] * (len(shape) - 1)).expand(shape)

        def dit(z, y):
            torch.randn_like = lambda x: randn_like(x.float()).double()
            fake = types.SimpleNamespace(
                forward=lambda x, t, y: rows(lambda x, t, y: with_variance(x, signals[int(t)], y), x, t, labels=y)
            )
            model = lambda x, t, y: models.DiT.forward_with_cfg(fake, x, t, y, 4.0)
            process = package.create_diffusion("250")
            last = process.p_sample_loop(
                model, (2 * count, VALUES, 1, 1), torch.cat([z, z]), clip_denoised=False, device=z.device,
                model_kwargs=dict(y=torch.cat([y, none])),
            )
            torch.randn_like = randn_like
            return last

        package.gd._extract_into_tensor = exact
        script("dit", dit)
    return found


def main():
    parser = argparse.ArgumentParser()
    for name in ("repa", "sit", "dit", "jit", "consistency", "meanflow"):
        parser.add_argument(f"--{name}", type=Path)
    arguments = parser.parse_args()
    document = {
        "versions": {"python": sys.version.split()[0], "numpy": np.__version__},
        "cases": {},
        "spacing": {
            "even": [{"count": c, "steps": s, "times": spaced(c, s)} for c, s in ((1000, 250), (1000, 27), (100, 30), (1000, 1))],
            "stride": [{"count": 1000, "steps": s, "times": strided(1000, s)} for s in (50, 25)],
        },
    }
    reference = {}
    for name, sampler, prediction, guidance, states in cases():
        reference[name] = states
        document["cases"][name] = {
            "sampler": sampler,
            "prediction": prediction,
            "guidance": guidance,
            "states": [state.ravel().tolist() for state in states],
        }
    document["official"] = official(arguments, reference)
    document["torch"] = drawn(arguments)
    print(compact(json.dumps(document, indent=1)))


def compact(text):
    """One state a line."""
    return re.sub(r"\[[^\[\]{}]*\]", lambda found: re.sub(r"\s+", " ", found.group()).replace("[ ", "[").replace(" ]", "]"), text)


if __name__ == "__main__":
    main()

"""What is read out of rows of numbers, and out of recognisers' vectors: components, regressions, and what is likelier.

Arrays only: knows nothing of pictures or files. How strongly a regression is held back is chosen by five folds over
photos, a photo and its mirror image in the same.
"""

import numpy as np
import torch

DECAYS = (3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1)
"""How strongly regressions that choose may be held back."""
RIDGES = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
"""The same of those that foretell."""

WORN = 0.03
"""Share of a face's box beyond which glasses count as worn."""


def components(rows: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """(count, d) what one deviation of each component adds, and (n, count) standard coefficients, of centred rows (n,
    d)."""
    values, vectors = np.linalg.eigh((rows @ rows.T).astype(np.float64))
    values, vectors = values[::-1][:count], vectors[:, ::-1][:, :count]
    scores = vectors * np.sqrt(len(rows))
    return (scores.T @ rows / len(rows)).astype(np.float32), scores.astype(np.float32)


def ridge(inputs: np.ndarray, targets: np.ndarray, strength: float) -> np.ndarray:
    """(targets, inputs) least squares of centred arrays, held back by `strength`."""
    gram = inputs.T @ inputs + strength * np.eye(inputs.shape[1])
    found: np.ndarray = np.linalg.solve(gram, inputs.T @ targets).T
    return found


def chosen_ridge(vectors: np.ndarray, scores: np.ndarray, names: np.ndarray) -> tuple[float, np.ndarray]:
    """The strength that foretells left-out photos best, and (n, k) what is left open of each when it is left out."""
    _, photo = np.unique(names, return_inverse=True)
    fold = np.random.default_rng(0).integers(0, 5, photo.max() + 1)[photo]
    best: tuple[float, float, np.ndarray] | None = None
    for strength in RIDGES:
        left = np.zeros_like(scores)
        for number in range(5):
            inside, outside = fold != number, fold == number
            mean = vectors[inside].mean(0)
            weight = ridge(vectors[inside] - mean, scores[inside], strength)
            left[outside] = scores[outside] - (vectors[outside] - mean) @ weight.T
        error = float((left**2).mean())
        print(f"ridge {strength}: {error:.4f} of 1 is left open", flush=True)
        if best is None or error < best[0]:
            best = error, strength, left
    assert best is not None
    return best[1], best[2]


def told_apart(vectors: np.ndarray, classes: np.ndarray, count: int, decay: float) -> tuple[np.ndarray, np.ndarray]:
    """(count, d) and (count,): a multinomial regression of classes (n,) on vectors, by gradient descent."""
    x, y = torch.from_numpy(vectors).float(), torch.from_numpy(classes).long()
    mean = x.mean(0)
    weight, bias = torch.zeros(count, x.shape[1], requires_grad=True), torch.zeros(count, requires_grad=True)
    solver = torch.optim.LBFGS([weight, bias], max_iter=200)

    def loss() -> torch.Tensor:
        solver.zero_grad()
        value = torch.nn.functional.cross_entropy((x - mean) @ weight.T + bias, y) + decay * (weight**2).sum() / count
        value.backward()
        return value

    solver.step(loss)
    with torch.no_grad():
        return weight.numpy(), (bias - weight @ mean).numpy()


def chosen_decay(vectors: np.ndarray, classes: np.ndarray, count: int, names: np.ndarray, what: str) -> float:
    """The decay that tells left-out photos' classes best, of `DECAYS`, by five folds over photos."""
    _, photo = np.unique(names, return_inverse=True)
    fold = np.random.default_rng(0).integers(0, 5, photo.max() + 1)[photo]
    errors = {}
    for decay in DECAYS:
        left = []
        for number in range(5):
            weight, bias = told_apart(vectors[fold != number], classes[fold != number], count, decay)
            logits = vectors[fold == number] @ weight.T + bias
            logits -= logits.max(1, keepdims=True)
            logits -= np.log(np.exp(logits).sum(1, keepdims=True))
            left.append(-logits[np.arange(len(logits)), classes[fold == number]])
        errors[decay] = float(np.concatenate(left).mean())
    best = min(errors, key=errors.__getitem__)
    print(f"{what} told from the vector: cross entropy of left-out photos {errors}; of nobody {np.log(count):.2f}")
    return best


def likely(
    vectors: np.ndarray, kinds: np.ndarray, women: np.ndarray, names: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(o, d) and (o,): the logarithm of how likely an outline is of a vector: of either sex's by a regression of its
    own, times how likely that sex is."""
    sex = women[kinds].astype(int)
    decay = chosen_decay(vectors, sex, 2, names, "apparent sex")
    sexes = told_apart(vectors, sex, 2, decay)
    weights, biases = np.zeros((len(women), vectors.shape[1])), np.zeros(len(women))
    for which in (False, True):
        own, rows = np.flatnonzero(women == which), np.flatnonzero(women[kinds] == which)
        place = np.searchsorted(own, kinds[rows])
        decay = chosen_decay(vectors[rows], place, len(own), names[rows], "outline")
        weight, bias = told_apart(vectors[rows], place, len(own), decay)
        middle = np.median(np.log(np.exp(vectors[rows] @ weight.T + bias).sum(1)))
        weights[own] = weight + sexes[0][int(which)]
        biases[own] = bias - middle + sexes[1][int(which)]
    return weights, biases


def degrees(poses: np.ndarray, held: np.ndarray) -> np.ndarray:
    """(2,): how many degrees of yaw and of pitch, of (n, 3) poses, a unit of the attributes (n, a) stands for."""
    return np.array([np.polyfit(held[:, at], poses[:, at], 1)[0] for at in (0, 1)])


def ageing(age: np.ndarray, female: np.ndarray, held: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """(k,): by how much coefficients (n, k) are others per year of age (n,), apparent sex (n,) and attributes (n, a)
    being the same.
    """
    ground = np.column_stack([age - age.mean(), female - female.mean(), held, np.ones(len(age))])
    found: np.ndarray = np.linalg.lstsq(ground, scores, rcond=None)[0][0]
    return found


def worn(vectors: np.ndarray, share: np.ndarray) -> tuple[np.ndarray, float]:
    """(d,) and a number: the logarithm of how much likelier a vector's face wears glasses than not, from photos (n, d)
    and the share of each face (n,) that is glasses."""
    wears = (share > WORN).astype(int)
    names = np.arange(len(vectors)).astype(str)
    decay = chosen_decay(vectors, wears, 2, names, f"glasses ({wears.mean():.0%} wear them)")
    weight, bias = told_apart(vectors, wears, 2, decay)
    return weight[1] - weight[0], float(bias[1] - bias[0])

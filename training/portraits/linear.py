"""Fits the portrait model's linear part: components of textures and shapes, what a vector says of them, and attributes.

    python -m training.portraits.linear --out WORK

Needs what `prepare` wrote. How strongly the regression is held back is chosen by five folds over photos (a photo and
its mirror image stay together). Seeded; no network. Writes WORK/linear.safetensors and WORK/coefficients.npz.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors.torch import save_file

from workbench.mesh import OVAL, polygon
from workbench.models.portraits.appearance import FACE, OUTLINE, REACH, SIZES, TEXTURE
from workbench.models.portraits.frame import SIDE

TEXTURES, SHAPES = 180, 40
OUTSIDE = 0.35
"""Weight of what lies outside the face, beside 1 inside, when components are found."""

HAIRS, CLOTHS = 2.5, 3.0
"""Weights of a cell of the colours of hair and of clothes beside one of the face's."""

FINER = 40
"""Coefficients that the face at full side follows."""

BROAD = 5.0
"""Pixels; what is broader than a blur of so many is left to the layers."""

KINDS, LEAST_ALIKE = {False: 12, True: 16}, 18
"""How many outlines of men and of women there are to choose from at most, and of how many photos each is made."""

DECAYS = (3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1)
"""How strongly regressions that choose may be held back."""

WORN = 0.03
"""Share of a face's box beyond which glasses count as worn."""

NECK, RISE, SLOPE = 11.0, 7.5, 0.3
"""In cells of the outlines: half the neck's width, how far above the chin shoulders may begin, how they fall away."""

STRAIGHT, EVENED = 13.0, 0.35
"""Degrees of yaw up to which a photo's outline is learnt from, and how much of a kept outline is its mirror image."""

ASKEW = 0.4
"""How readily what makes left and right differ is drawn and moved, beside 1."""

CALM = {"yaw": 0.6, "mouth": 0.6}
"""Attributes that the noise moves less than photos do."""

WARMTH = 0.4
"""How much of what vectors leave open of a skin's warmth is drawn."""

LEAST = 0.01
"""Share of the picture that hair or clothes must fill for their colours to count."""

ATTRIBUTES = ("yaw", "pitch", "mouth", "smile", "light_across", "light_down")
RIDGES = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)


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


def lights(colours: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """(n, 2), of (n, 256, 256, 3): by how much the face grows brighter to the image's right, and downward, in grey
    values per half face."""
    face = polygon(mean, OVAL, (SIDE, SIDE)) > 127
    y, x = np.nonzero(face)
    ground = np.stack([np.ones(len(x)), (x - x.mean()) / x.std(), (y - y.mean()) / y.std()], 1)
    grey = colours[:, face].astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    return grey @ np.linalg.pinv(ground).T[:, 1:]


def attributes(faces: dict[str, np.ndarray], shapes: np.ndarray, colours: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """(n, 6) values of `ATTRIBUTES`, standardised."""
    corners, lips = shapes[:, [61, 291]].mean(1), shapes[:, [0, 17]].mean(1)
    smile = np.linalg.norm(shapes[:, 61] - shapes[:, 291], axis=1) + 2 * (lips - corners)[:, 1]
    found = np.column_stack([faces["pose"][:, 0], faces["pose"][:, 1], faces["mouth"], smile, lights(colours, mean)])
    standard: np.ndarray = (found - found.mean(0)) / found.std(0)
    return standard


def directions(values: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """(a, k) orthonormal rows that tell standardised attributes (n, a) from standard coefficients (n, k)."""
    weight = ridge(scores, values, 0.05 * len(scores))
    basis, _ = np.linalg.qr(weight.T)
    signs = np.sign((basis.T * weight).sum(1))
    found: np.ndarray = basis.T * signs[:, None]
    return found


def layers(out: Path) -> np.ndarray:
    """(n, sum of `SIZES`) float32: every picture's layers in a row; who shows no hair or no clothes has the mean's
    colours of them."""
    share = np.load(out / "share.npy")
    parts = []
    for name, column in (("skin", None), ("hair", 0), ("clothes", 1)):
        colours = (
            np.load(out / f"{name}.npy").astype(np.float32).transpose(0, 3, 1, 2).reshape(len(share), -1) / 127.5 - 1
        )
        if column is not None:
            shows = share[:, column] > LEAST
            colours[~shows] = colours[shows].mean(0)
        parts.append(colours)
    return np.concatenate(parts, 1)


def weights(mean: np.ndarray) -> np.ndarray:
    """(sum of `SIZES`,): how much each number counts when components are found."""
    face = cv2.GaussianBlur(
        polygon(mean * TEXTURE / SIDE, OVAL, (TEXTURE, TEXTURE)).astype(np.float32) / 255, (0, 0), 4
    )
    skin = np.tile((OUTSIDE + (1 - OUTSIDE) * face).ravel(), 3)
    return np.concatenate(
        [skin, *(np.full(size, each, np.float32) for size, each in zip(SIZES[1:], (HAIRS, CLOTHS), strict=True))]
    )


def mirrored(rows: np.ndarray) -> np.ndarray:
    """Layers (n, sum of `SIZES`) as in a mirror."""
    parts = np.split(rows, np.cumsum(SIZES)[:-1], 1)
    sides = [round((size / 3) ** 0.5) for size in SIZES]
    squares = [part.reshape(len(rows), 3, side, side) for part, side in zip(parts, sides, strict=True)]
    return np.concatenate([square[..., ::-1].reshape(len(rows), -1) for square in squares], 1)


def mobility(loads: np.ndarray, count: int) -> np.ndarray:
    """(count,): 1 for components that are their own mirror image, `ASKEW` for those that are its opposite, 0 for the
    shape's."""
    alike = (loads * mirrored(loads)).sum(1) / (loads**2).sum(1)
    found = np.zeros(count)
    found[: len(loads)] = ASKEW + (1 - ASKEW) * (1 + alike) / 2
    return found


def brightnesses(
    loads: np.ndarray, centre: np.ndarray, mean: np.ndarray, count: int
) -> tuple[np.ndarray, float, np.ndarray]:
    """(count,), a number, (count,): the mean grey of the face as a linear function of the coefficients, and how red it
    is beside blue."""
    face = (polygon(mean * TEXTURE / SIDE, OVAL, (TEXTURE, TEXTURE)) > 127).astype(np.float32).ravel()
    found = []
    for channels in ((0.299, 0.587, 0.114), (1.0, 0.0, -1.0)):
        reader = np.concatenate([weight * face / face.sum() for weight in channels]) * 127.5
        row = np.zeros(count)
        row[: len(loads)] = loads[:, : SIZES[0]] @ reader
        found.append((row, float(centre[: SIZES[0]] @ reader)))
    return found[0][0], found[0][1] + 127.5, found[1][0]


def outline_kinds(
    outlines: np.ndarray, inside: np.ndarray, female: np.ndarray, mean: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(o, d) means of outlines (n, d) that are alike (k-means within either apparent sex, seeded, the best of 8
    starts),
    which each photo's is, (n,), and whether each was made of women, (o,).

    inside: (n, 64, 64), how much of a cell a photo shows: a mean is of those that show it. female: (n,) bool. mean:
    (468,
    2) of the frame. A mean of fewer than `LEAST_ALIKE` photos is dropped, and its photos join the nearest.
    """
    _, scores = components(outlines - outlines.mean(0), 24)
    loads = scores.T @ (outlines - outlines.mean(0)) / len(scores)
    scaled = (scores * np.linalg.norm(loads, axis=1)).astype(np.float32)
    shown = np.repeat(inside[:, None], 3, 1).reshape(outlines.shape) + 1e-3
    chosen = np.zeros(len(outlines), int)
    whose: list[np.ndarray] = []
    women: list[bool] = []
    for sex, count in KINDS.items():
        rows = np.flatnonzero(female == sex)
        criteria = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 60, 1e-4)
        cv2.setRNGSeed(0)
        _, labels, centres = cv2.kmeans(scaled[rows], count, None, criteria, 8, cv2.KMEANS_PP_CENTERS)
        kept = np.flatnonzero(np.bincount(labels.ravel(), minlength=count) >= LEAST_ALIKE)
        nearest = np.linalg.norm(scaled[rows][:, None] - centres[kept], axis=2).argmin(1)
        chosen[rows] = len(whose) + nearest
        for kind in range(len(kept)):
            own = rows[nearest == kind]
            whose.append(np.average(outlines[own], 0, shown[own]))
            women.append(sex)
    print("photos per outline:", np.bincount(chosen), "women's:", sum(women))
    count = len(whose)
    found = np.stack(whose)
    flipped = found.reshape(count, 3, OUTLINE, OUTLINE)[..., ::-1].reshape(count, -1)
    evened = ((1 - EVENED) * found + EVENED * flipped).reshape(count, 3, OUTLINE, OUTLINE)
    neck, below = throat(mean)
    for each in evened:
        each[0] = np.maximum(each[0], np.minimum(neck, each[2] + 1))
        each[1] = np.maximum(each[1], each[0])
        each[1:] = np.minimum(each[1:], dome(each[1]))
        each[2] = np.maximum(each[1], np.minimum(np.maximum(each[2], below), below))
    return evened.reshape(count, -1), chosen, np.array(women)


def throat(mean: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(64, 64) twice: signed distances to a neck below the face's lower half, and to what shoulders may cover.

    Means of many photos' outlines leave no neck where some wear collars, and let collars rise beside the cheeks.
    """
    points = mean / (SIDE / OUTLINE)
    chin, middle = points[152, 1], points[152, 0]
    y, x = np.mgrid[:OUTLINE, :OUTLINE] + 0.0
    away = np.abs(x - middle)
    cells = 2 * REACH / (SIDE / OUTLINE)
    neck = np.minimum(NECK + 0.12 * np.maximum(y - chin, 0) - away, y - (chin - 14))
    line = chin - RISE + SLOPE * np.maximum(away - NECK, 0)
    return np.clip(neck / cells, -1, 1), np.clip((y - line) / cells, -1, 1)


def dome(head: np.ndarray) -> np.ndarray:
    """(64, 64): a signed distance to a round top for a head's outline (64, 64), as wide as the hair is at its widest.

    Many photos end at the hair, and what they would show above is not known.
    """
    widths = (head[:28] > 0).sum(1)
    row = 6 + int(widths[6:26].argmax())
    columns = np.flatnonzero(head[row] > 0)
    top = int((widths > 0.55 * widths[row]).argmax())
    across, up = 1.03 * len(columns) / 2, max((row - top) / 0.83, 5.0)
    y, x = np.mgrid[:OUTLINE, :OUTLINE]
    far = np.hypot((x - columns.mean()) / across, np.minimum(y - row, 0) / up)
    return np.where(y < row, (1 - far) * min(across, up) * SIDE / OUTLINE / (2 * REACH), 1.0)


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
    own,
    times how likely that sex is.
    """
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


def finer(
    loads: np.ndarray, centre: np.ndarray, scores: np.ndarray, mean: np.ndarray, out: Path
) -> tuple[np.ndarray, np.ndarray]:
    """(3·176·144,) and (FINER, as many): what photos of the frame's full side show in the face beyond the layers, on
    average and by coefficient, fading towards the face's outline.
    """
    photo = np.load(out / "photo.npy", mmap_mode="r")
    split, total, slopes = SIZES[0], np.zeros(1), np.zeros((FINER, 1))
    for at in range(0, len(photo), 100):
        skin = (centre[:split] + scores[at : at + 100] @ loads[:, :split]).astype(np.float32)
        squares = skin.reshape(-1, 3, TEXTURE, TEXTURE).transpose(0, 2, 3, 1)
        wide = np.stack([cv2.resize(square, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)[FACE] for square in squares])
        left = (photo[at : at + 100][:, FACE[0], FACE[1]].astype(np.float32) / 127.5 - 1 - wide).transpose(0, 3, 1, 2)
        flat = left.transpose(0, 2, 3, 1)
        low = np.stack([cv2.GaussianBlur(each, (0, 0), BROAD) for each in np.ascontiguousarray(flat)]).transpose(
            0, 3, 1, 2
        )
        left = (left - low).reshape(len(left), -1)
        total, slopes = total + left.sum(0), slopes + scores[at : at + 100, :FINER].T @ left
    inner = cv2.erode(polygon(mean, OVAL, (SIDE, SIDE)), np.ones((13, 13), np.uint8)).astype(np.float32) / 255
    fade = np.tile(cv2.GaussianBlur(inner, (0, 0), 4)[FACE].ravel(), 3)
    return fade * total / len(photo), fade * slopes / len(photo)


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


def main() -> int:
    """The command line."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--out", type=Path, default=Path("build/portraits"))
    out = options.parse_args().out
    with np.load(out / "faces.npz", allow_pickle=False) as file:
        faces = dict(file)
    with np.load(out / "frame.npz", allow_pickle=False) as file:
        mean, shapes = file["mean"], file["shapes"]
    rows = layers(out)
    centre = rows.mean(0)
    weight = weights(mean)
    rows -= centre
    _, texture = components(rows * np.sqrt(weight), TEXTURES)
    loads = texture.T @ rows / len(rows)
    flat = shapes.reshape(len(shapes), -1)
    forms, shape = components(flat - flat.mean(0), SHAPES)
    scores = np.concatenate([texture, shape], 1).astype(np.float64)
    strength, left = chosen_ridge(faces["vector"].astype(np.float64), scores, faces["name"])
    vector_mean = faces["vector"].mean(0).astype(np.float64)
    regression = ridge(faces["vector"] - vector_mean, scores, strength)
    told = attributes(faces, shapes, np.load(out / "photo.npy", mmap_mode="r"), mean)
    basis = directions(told, scores)
    spread = np.cov(left, rowvar=False) + 1e-6 * np.eye(left.shape[1])
    fine_mean, fine = finer(loads, centre, texture, mean, out)
    mobile = mobility(loads, len(scores[0]))
    bright, base, warm = brightnesses(loads, centre, mean, len(scores[0]))
    with np.load(out / "grey.npz", allow_pickle=False) as file:
        ahead = np.abs(file["yaw"]) < 30
        seen, grey = file["vector"][ahead].astype(np.float64), file["brightness"][ahead].astype(np.float64)
        spectacles, spectacles_bias = worn(seen, file["glasses"][ahead])
    told_grey = ridge(seen - seen.mean(0), (grey - grey.mean())[:, None], 3.0)[0]
    _say_brightness(grey, (seen - seen.mean(0)) @ told_grey)
    residual = np.linalg.cholesky(spread) * np.where(mobile > 0, mobile, 1)[:, None]
    for row in (*basis, bright):
        part = row - (row @ basis.T) @ basis if row is bright else row
        warm = warm - (warm @ part) / (part @ part) * part
    warm /= np.linalg.norm(warm)
    residual -= (1 - WARMTH) * np.outer(warm, warm @ residual)
    straight = np.abs(faces["pose"][:, 0]) < STRAIGHT
    outlines = np.load(out / "outlines.npy")[straight]
    with np.load(out / "looks.npz", allow_pickle=False) as file:
        female, age = file["female"] > 0.5, file["age"].astype(np.float64)
    shapes_of, kinds, women = outline_kinds(
        outlines.reshape(len(outlines), -1), np.load(out / "inside.npy")[straight], female[straight], mean
    )
    choice, choice_bias = likely(faces["vector"][straight].astype(np.float64), kinds, women, faces["name"][straight])
    calm = np.array([CALM.get(name, 1.0) for name in ATTRIBUTES])
    tensors = {
        "mean": centre, "layers": loads, "fine_mean": fine_mean, "fine": fine, "shape_mean": flat.mean(0),
        "shapes": forms, "weight": regression, "bias": -regression @ vector_mean, "residual": residual, "mobile": mobile,  # noqa: E501
        "warm": warm, "outlines": shapes_of,
        "outline_weight": choice, "outline_bias": choice_bias, "bright": bright, "bright_base": np.array(base),
        "bright_weight": told_grey, "bright_bias": np.array(grey.mean() - seen.mean(0) @ told_grey),
        "women": women, "age": ageing(age, female, scores @ basis.T, scores),
        "glasses_weight": spectacles, "glasses_bias": np.array(spectacles_bias),
        "degrees": degrees(faces["pose"], scores @ basis.T),
        "attributes": basis, "attribute_spread": (scores @ basis.T).std(0) * calm, "frame": mean,
    }  # fmt: skip
    half = ("fine", "mean", "layers", "outlines")
    kept = {}
    for name, array in tensors.items():
        kept[name] = torch.tensor(array, dtype=torch.float16 if name in half else torch.float32).contiguous()
    save_file(kept, out / "linear.safetensors", {"attributes": ",".join(ATTRIBUTES), "ridge": str(strength)})
    np.savez(out / "coefficients.npz", scores=scores.astype(np.float32), left=left.astype(np.float32))
    alike = np.corrcoef(scores @ basis.T, told, rowvar=False)[:6, 6:].diagonal()
    print(f"ridge {strength}; attributes told from coefficients: {np.round(alike, 2)}")
    return 0


def _say_brightness(grey: np.ndarray, told: np.ndarray) -> None:
    left = np.std(grey - grey.mean() - told)
    alike = np.corrcoef(told, grey)[0, 1]
    print(f"brightness from {len(grey)} grey photos: correlation {alike:.2f}, left open {left:.0f} of {grey.std():.0f}")


if __name__ == "__main__":
    raise SystemExit(main())

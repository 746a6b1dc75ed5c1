"""What a model card says of every model of a task: what it is for, what sways it, how it is measured, what harms.

Words only; figures and rows come from elsewhere.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TaskWords:
    """A task's sentences. pipeline: the Hub's word for the task."""

    use: str
    not_for: str
    factors: str
    metrics: str
    ethics: str
    pipeline: str


_LOOKS = (
    "Light, sharpness, size and turn of the face, what covers it (glasses, hair, hands, masks), "
    "age, skin tone, make-up."
)
_JUDGED = (
    "Nothing that decides over a person: hiring, policing, credit, care. What a face shows is not "
    "what somebody feels or is."
)

TASK_WORDS: dict[str, TaskWords] = {
    "detection": TaskWords(
        "Finding faces and their landmarks, as the first step of everything else here.",
        "Counting or following people who did not agree; proof that nobody is in a picture.",
        f"{_LOOKS} Faces below about 20 pixels, upside down or cut by the edge.",
        "Recall and precision at an overlap (IoU) of one half; for landmarks the normalised mean error "
        "and the failure rate at 8 %.",
        "Who is not found is left out of everything that follows, unseen: look at recall per group "
        "before trusting any later figure.",
        "object-detection",
    ),
    "landmarks": TaskWords(
        "Points of a face (and the head's pose) for geometry, alignment and measurement.",
        "Identification; medical measures.",
        _LOOKS,
        "Normalised mean error over the distance of the outer eye corners; failure rate at 8 %.",
        "Points placed on hidden parts are guesses that look as sure as the others.",
        "keypoint-detection",
    ),
    "parsing": TaskWords(
        "Which pixel is which part of a face: editing, measuring, explaining other models by part.",
        "Identification, or any judgement of a person by skin, hair or shape.",
        f"{_LOOKS} Long hair, hats and beards; the sides of a mirrored photo.",
        "F1 and IoU per part, pooled and per picture; boundary F at 2 pixels and at 1 % of the diagonal.",
        "Data sets of celebrities set what counts as usual skin, hair and light; rare parts are learnt "
        "from few pictures.",
        "image-segmentation",
    ),
    "clicks": TaskWords(
        "Mending one part of a mask by clicking what belongs to it and what does not.",
        "Parsing without a person who looks.",
        _LOOKS,
        "Clicks until a part reaches a given IoU.",
        "As for parsing.",
        "image-segmentation",
    ),
    "matte": TaskWords(
        "Cutting a person out of a picture, with soft edges.",
        "Removing people from evidence.",
        "Hair, glass, motion, several people, backgrounds of the person's colours.",
        "Not measured against a common set here.",
        "A cut-out in another scene can mislead; marks of generated pictures are kept.",
        "image-segmentation",
    ),
    "expression": TaskWords(
        "Which expression a face shows, in research on faces and on models of them.",
        f"{_JUDGED} Reading emotions at work or in schools is forbidden in the European Union.",
        f"{_LOOKS} Culture, posing, resting faces that look stern.",
        "Accuracy and balanced accuracy; calibration error; coverage against risk; recall and precision per label.",
        "Labels are what other people saw in a picture, not what was felt; they differ between those who label.",
        "image-classification",
    ),
    "attributes": TaskWords(
        "What a face looks like to a network (apparent age, presentation, hair …), to study such networks.",
        f"{_JUDGED} Sorting people by sex, origin or age.",
        _LOOKS,
        "Accuracy, balanced accuracy and calibration per label; mean error of an age.",
        "Sex, origin and age as seen by a network are not a person's own; such labels hurt where they "
        "are taken for truth.",
        "image-classification",
    ),
    "recognition": TaskWords(
        "Whether two photos show one person, for research, for explaining such decisions and for judging protections.",
        "Identifying anybody who did not agree; watching crowds; deciding alone about access or guilt.",
        f"{_LOOKS} Time between photos, kinship, twins.",
        "AUC, EER, TAR at a FAR, rates at one threshold, per group; rank 1 and TPIR at FPIR for many people.",
        "Errors differ between groups at one threshold; a false match can cost a person their freedom. "
        "Report rates per group.",
        "image-feature-extraction",
    ),
    "quality": TaskWords(
        "How well a recogniser can use a face photo: to warn, and to choose among photos.",
        "Rating people; refusing service to those who are rated low.",
        _LOOKS,
        "Not measured against a common set here; a blurred photo must be rated lower than a sharp one.",
        "A network trained on recognisers calls hard what they find hard: some groups' photos may be rated lower.",
        "image-classification",
    ),
    "repair": TaskWords(
        "Making blurred, small or damaged face photos plainer to look at.",
        "Evidence or identification: what it draws in was not in the photo, and may make one person look like another.",
        _LOOKS,
        "Likeness to the undamaged photo by recognisers that take no part; how often it alters who is seen.",
        "It fills in faces as its training set shows them: features, age and skin can move towards the usual there.",
        "image-to-image",
    ),
    "generation": TaskWords(
        "Faces of nobody, for studies, tests and examples.",
        "Passing for a real person; evidence; dating or account pictures.",
        "Identity, pose, light and age as far as the network can vary them.",
        "AUC of drawn against other people by recognisers that take no part; distance to the nearest training face.",
        "A drawn face may resemble a person of the training set: the nearest distances stand among the "
        "figures where measured.",
        "unconditional-image-generation",
    ),
    "portrait": TaskWords(
        "Portraits that keep an identity given as numbers, for studies of recognisers and of people.",
        "Pictures of a real person without consent; deception. Pictures are marked as generated: keep the mark.",
        "Pose, light, age, skin tone, hair, glasses; how usual the identity is in the training set.",
        "Acceptance and AUC by recognisers that take no part, diversity, faces found, brightness "
        "against the reference, per group.",
        "Likeness of real people can be made. Skin and hair lean to what the training set shows most.",
        "image-to-image",
    ),
}

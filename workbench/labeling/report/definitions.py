"""What every figure of a report means and where it comes from, in words: printed under each report."""

DEFINITIONS: tuple[tuple[str, str], ...] = (
    (
        "Verdicts",
        "Shares are held against the study’s rules with 95 % Wilson intervals (Wilson 1927): doubtful while the "
        "interval reaches the rule, "
        "failed beyond it. Agreement is Cohen’s kappa with the majority of the other raters, for scales the "
        "correlation with their mean; a "
        "rater below the rule whose answers are a hundred times likelier from guessing than from the typical rater "
        "has failed too.",
    ),
    (
        "Krippendorff’s alpha",
        "1 − observed over expected disagreement (Krippendorff 2011); missing answers are allowed. Intervals: "
        "percentile bootstrap "
        "over items.",
    ),
    ("Noise ceiling", "How well one rater is predicted by the others (lower) and by all (upper; Nili et al. 2014)."),
    (
        "Split half",
        "The raters of each item are halved at random 200 times; Spearman–Brown 2r / (1 + r) steps the correlation up "
        "to all raters. The "
        "range is that of the splits.",
    ),
    (
        "Preference",
        "Bradley and Terry (1952) with ties after Davidson (1970) and a place effect after Davidson and Beaver (1977); "
        "most and least of four by Plackett–Luce, the order of the two in the middle unknown. Strengths are log odds "
        "with mean 0, drawn a little towards each other. Intervals: percentile bootstrap over items.",
    ),
    (
        "Aggregation",
        "Majority of votes, ties told; one-coin and full Dawid–Skene (1979) by expectation–maximisation; with "
        "confidence: the same "
        "with six "
        "observed levels for two classes.",
    ),
    (
        "AUC, EER, TAR at FAR",
        "AUC from ranks, ties half (Hanley and McNeil 1982). EER where false accepts equal false rejects. TAR at FAR: "
        "true accepts at the "
        "lowest measured threshold that keeps the rate; no line is drawn between measured points.",
    ),
    (
        "Gaps",
        "AUC in a group minus AUC in the rest; bootstrap within group and kind, the same draws for every judge, so "
        "that “beyond "
        "humans’” is a "
        "paired comparison.",
    ),
    (
        "Calibration",
        "Isotonic regression (Zadrozny and Elkan 2002), fitted on four fifths of the pairs and measured on the last, "
        "five times; the "
        "error is "
        "over ten bins of equal size.",
    ),
)

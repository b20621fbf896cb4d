"""What a reader has to know beside each table; the definitions are in docs/protocol.md."""

from reports.statistics import FEWEST
from reports.verdicts import EQUAL, NEAR, NEAR_BOUND

VERDICTS = f"""\
*Ours* is the mean ± standard deviation of the best test epoch, as the paper counts, over n seeds. **Reproduced**: the
mean is not below the published one by more than twice the standard error of the difference, or {EQUAL} points if that
is more; a fraction reaches its bound; for a comparison, all of the 95 % interval of the differences seed by seed is on
the claimed side. **Partly**: short by at most {NEAR} points (a bound: {100 * NEAR_BOUND:.0f}), fewer than {FEWEST}
seeds, an interval that holds both, or reproduced by another published version of the method. A training that is shorter
than the paper's, or on fewer samples, can show that a claim holds, and says *reduced protocol*; that it falls short
decides nothing. *Other data* is a verdict from a dataset that the claim is not about."""

ACCURACY = """\
*Last epoch* is the test accuracy after the last epoch. *Best epoch* is the highest test accuracy over all epochs: the
paper counts so, which chooses by the test set and is biased upwards. Both are mean ± standard deviation over n seeds.
*Difference* is our best-epoch mean less the published mean, or less the best where no mean was published, in
percentage points; it is a test of the paper only where the number of epochs is the published one. *Silent* is the
fraction of pairs of a test sample and a hidden neuron without a single spike. A method without spikes has no T."""

HELD_OUT = """\
**Runs that were evaluated on held-out samples did not look at the test set.** These training samples, which the seed
draws and which are not trained on, stand wherever this report says *test*; nothing published compares with them."""

DIFFERENCES = f"""\
Percentage points by which a method is above TSSL-BP on the same network, T, data and number of epochs: mean over seeds,
each seed compared with itself, and the 95 % percentile bootstrap interval over seeds. At {FEWEST} seeds that interval
is the range of the differences, so *higher* and *lower* then say no more than that all seeds agree; with fewer there is
none."""

SEQUENCE_SUMMARY = """\
*All exact*: runs, over all networks, T and seeds, in which after some epoch every output was its target in every step.
The van Rossum distance is after the last epoch; 1 is a spike too many or too few."""

SEQUENCES = """\
*All exact*: runs in which every output was its target, spike by spike, after some epoch. *Exact outputs* and *exact
trains*: samples whose whole output is its target, and pairs of a sample and a neuron, after the last epoch. Distances
are means over these pairs: 1 is a spike too many or too few. *Precision* and *recall* count spikes within a tolerance.
All are mean ± standard deviation over n seeds, each of which has trains of its own."""

SEQUENCE_DIFFERENCES = f"""\
Mean over seeds, each seed compared with itself, and the 95 % percentile bootstrap interval over seeds; a negative
difference in distance is nearer to the targets. At {FEWEST} seeds the interval is the range of the differences."""

PARAMETERS = """\
Set by the study, or by the command, in the place of the method's default or its preset's."""

ABLATION = """\
Each variant changes what is listed and nothing else; *points* are the variant less the method as it is, seed by seed,
with the interval of the table before. Where both have several settings, those that are the same are compared; else it
is the method's with most seeds, beside which its others stand, too."""

FACTORS = """\
Each row changes what is listed and nothing else in a configuration as the authors had it at a date (docs/atlas.md);
*points* are the row less that configuration, seed by seed, with the interval of the tables before."""

EARLY_STOPPING = """\
The authors' code of 2020 ended a training when the test accuracy had stayed below the best one for so many epochs in a
row (*patience*). Here all epochs are run: the epoch after which it would have ended, by seed, and the best epoch until
then. *-*: not at all."""

COST = """\
Means over seeds. *ms/sample* is inference in a batch of 100, *ms alone* of a single sample; *spikes*, *synops*
(accumulates) and *MACs* are an inference's, *energy* is their arithmetic in 45 nm without memory; *training s* is
without evaluation; *memory* is the peak, on the CPU of the whole process. Times compare only on one machine."""

PUBLISHED = """\
None of these numbers is ours. *Here* says whether this study has a finished run of the same method, network and T,
beside which the accuracies above set the first such row; what is *published only* has none. *Seen* was checked in the
source named, *from memory* was not. Other networks are listed for orientation and do not compare."""

MISSING = """\
Of the grid that the methods, T and seeds of this study span; a method that does not support a combination is among the
runs without a result instead."""

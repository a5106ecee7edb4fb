"""What learns: losses of a network's output, their gradients, and the loop that follows them."""

from brainsim.train import features, losses, measures, transforms
from brainsim.train.costs import Cost, Costs, costs
from brainsim.train.course.callbacks import Callback, EarlyStopping, Epoch, Step, Steps
from brainsim.train.course.evaluation import Evaluation
from brainsim.train.course.history import History
from brainsim.train.course.schedules import Geometric, Scheduled
from brainsim.train.course.tensorboard import TensorBoard
from brainsim.train.data import Arrays, Batches, Loader, Prefetch
from brainsim.train.directions import Evolution, RandomDirections, evolved, forward
from brainsim.train.estimation.descent import Descent, Minima, Minimum, Place, minimize
from brainsim.train.estimation.identifiability import Curvature, Profile, fisher, hessian, profile
from brainsim.train.estimation.inference import Simulator
from brainsim.train.estimation.least_squares import Squares, least_squares
from brainsim.train.estimation.protocols import Protocol, Protocols, Report, Row
from brainsim.train.estimation.targets import Features, PhasePlane, SpikeTimes, Target, Voltage
from brainsim.train.estimation.unknowns import Unknown, Unknowns
from brainsim.train.evaluating import Evaluated, evaluate, predict
from brainsim.train.fitting import fit
from brainsim.train.gradients import Gradient, bptt, eventprop, reinforce
from brainsim.train.objective import Batch, Objective, Result
from brainsim.train.online import Carry, Eligibility, Learner, lifelong, online, rules
from brainsim.train.overflow import explain
from brainsim.train.penalties import Activity, Penalty, RateBand, Reach, WeightDecay
from brainsim.train.reading import Read, Reads
from brainsim.train.readouts import Force, Readout, Solved, ridge, votes
from brainsim.train.search import Search, Searching
from brainsim.train.trained import Trained
from brainsim.train.transforms import Transform
from brainsim.train.update import Learning, Update

__all__ = [
    "Simulator",
    "Voltage",
    "Target",
    "SpikeTimes",
    "PhasePlane",
    "Features",
    "Row",
    "Report",
    "Protocols",
    "Protocol",
    "least_squares",
    "Squares",
    "profile",
    "hessian",
    "fisher",
    "Profile",
    "Curvature",
    "Minima",
    "Activity",
    "Arrays",
    "Batch",
    "Batches",
    "bptt",
    "Callback",
    "Carry",
    "Cost",
    "Costs",
    "costs",
    "Descent",
    "EarlyStopping",
    "Epoch",
    "evaluate",
    "Evaluated",
    "Evaluation",
    "eventprop",
    "explain",
    "Evolution",
    "evolved",
    "features",
    "fit",
    "Force",
    "forward",
    "Eligibility",
    "Geometric",
    "Gradient",
    "History",
    "Learner",
    "Learning",
    "lifelong",
    "Loader",
    "losses",
    "measures",
    "minimize",
    "Minimum",
    "Objective",
    "online",
    "Penalty",
    "Place",
    "predict",
    "Prefetch",
    "RandomDirections",
    "RateBand",
    "Reach",
    "Read",
    "reinforce",
    "Reads",
    "Readout",
    "Result",
    "ridge",
    "rules",
    "Scheduled",
    "Search",
    "Searching",
    "Solved",
    "Step",
    "Steps",
    "TensorBoard",
    "Trained",
    "Transform",
    "transforms",
    "Unknown",
    "Unknowns",
    "Update",
    "votes",
    "WeightDecay",
]

"""The optimizers, schedules and loggers that come with the hub."""

from hub.spec import LoggerSpec, OptimizerSpec, ScheduleSpec

sgd = OptimizerSpec(name="sgd", summary="SGD with momentum, or Nesterov's", target="hub.engine.optim.optimizers:sgd")
adamw = OptimizerSpec(
    name="adamw",
    summary="AdamW (Loshchilov and Hutter 2019)",
    target="hub.engine.optim.optimizers:adamw",
)
timm = OptimizerSpec(
    name="timm",
    summary="Any optimizer of timm: {name: timm, of: lamb}",
    target="hub.engine.optim.optimizers:timm",
)

constant = ScheduleSpec(
    name="constant",
    summary="Constant learning rate",
    target="hub.engine.optim.schedules:Constant",
)
multistep = ScheduleSpec(
    name="multistep",
    summary="Decay at milestones",
    target="hub.engine.optim.schedules:MultiStep",
)
cosine = ScheduleSpec(
    name="cosine",
    summary="Cosine decay, with an optional final value",
    target="hub.engine.optim.schedules:Cosine",
)
poly = ScheduleSpec(
    name="poly",
    summary="Polynomial decay (DeepLab), with an optional final value",
    target="hub.engine.optim.schedules:Poly",
)

console = LoggerSpec(
    name="console",
    summary="Progress, losses and tables of metrics on stderr",
    target="hub.engine.loggers.console:Console",
)
json_lines = LoggerSpec(
    name="json-lines",
    summary="One JSON record per line in metrics.jsonl",
    target="hub.engine.loggers.json_lines:JsonLines",
)
tensorboard = LoggerSpec(
    name="tensorboard",
    summary="Scalars, the config and sample predictions for TensorBoard",
    target="hub.engine.loggers.tensorboard:TensorBoard",
)
wandb = LoggerSpec(
    name="wandb",
    summary="Weights & Biases",
    target="hub.engine.loggers.wandb:WandB",
    requires={"wandb": "pip install 'backbone-hub[wandb]'"},
)
mlflow = LoggerSpec(
    name="mlflow",
    summary="MLflow",
    target="hub.engine.loggers.mlflow:MLflow",
    requires={"mlflow": "pip install 'backbone-hub[mlflow]'"},
)

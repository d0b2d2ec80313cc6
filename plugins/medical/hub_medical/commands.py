"""``hub medical``: what medical data need beside training and evaluation."""

from __future__ import annotations

import argparse
from pathlib import Path

from hub import LabelSpace


class Medical:
    """The subcommand as `hub.CommandSpec` describes it."""

    SUMMARY = """\
Medical data. For research only, not a medical device.

  hub medical export-nnunet FOLDER OUT   write a dataset in nnU-Net's format
  hub medical series FOLDER              the DICOM series below a folder, and whether each is a volume
  hub medical leaks CONFIG               patients and images of a config's data.val that are in data.train, too"""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the arguments."""
        commands = parser.add_subparsers(dest="medical_command", required=True, metavar="COMMAND")

        export = commands.add_parser("export-nnunet", help="write a dataset in nnU-Net's format")
        export.add_argument("root", metavar="FOLDER", help="with a dataset.json, or with --images and --labels")
        export.add_argument("out", metavar="OUT", help="folder to make, such as nnUNet_raw/Dataset004_Hippocampus")
        export.add_argument("--images", default="imagesTr", help="folder of the images (default: imagesTr)")
        export.add_argument("--labels", default="labelsTr", help="folder of the labels (default: labelsTr)")
        export.add_argument("--names", help="of the label values 0, 1, …, with commas; else from dataset.json")
        export.add_argument("--channel", default="MRI", help="what the images are; CT has a rule (default: MRI)")
        export.add_argument("--patient", default="(.+)", help="expression for the patient in a case's name")
        export.add_argument("--folds", type=int, default=5, help="folds by patient (default: 5)")
        export.set_defaults(run_medical=_export)

        series = commands.add_parser("series", help="the DICOM series below a folder")
        series.add_argument("root", metavar="FOLDER")
        series.add_argument(
            "--gaps", choices=("refuse", "allow"), default="refuse", help="even gaps between slices (default: refuse)"
        )
        series.set_defaults(run_medical=_series)

        leaks = commands.add_parser("leaks", help="images that are on both sides of a split")
        leaks.add_argument("config", metavar="CONFIG")
        leaks.add_argument("overrides", nargs="*", metavar="key=value", help="for example data.root=/data/chest")
        leaks.add_argument("--threshold", type=float, default=0.6, help="of the correlation (default: 0.6)")
        leaks.set_defaults(run_medical=_leaks)

    def run(self, args: argparse.Namespace) -> int:
        """Run the subcommand chosen."""
        return int(args.run_medical(args))


def _export(args: argparse.Namespace) -> int:
    from hub_medical.io.folders import open_folder, open_msd
    from hub_medical.io.nnunet import TrainingCase, export_nnunet
    from hub_medical.io.volume_files import read_labels
    from hub_medical.splits import fold_of

    root = Path(args.root)
    if args.names is None:
        folder = open_msd(root, patient=args.patient)
        channels = folder.channels
    else:
        listed = [name.strip() for name in args.names.split(",")]
        folder = open_folder(root, images=args.images, labels=args.labels, names=listed, patient=args.patient)
        channels = (args.channel,)
    ids = [case.id for case in folder.cases]
    fold = fold_of([case.patient for case in folder.cases], folds=args.folds)
    folds = [
        ([i for i, f in zip(ids, fold, strict=True) if f != k], [i for i, f in zip(ids, fold, strict=True) if f == k])
        for k in range(args.folds)
    ]
    cases = (
        TrainingCase(case.id, case.read_images(), read_labels(case.labels))
        for case in folder.cases
        if case.labels is not None
    )
    names = folder.names
    if folder.ignore is not None:
        names = LabelSpace((*names.names, "ignore"), (*names.ids, folder.ignore))
    export_nnunet(cases, args.out, names=names, channels=channels, folds=folds)
    print(f"{len(ids)} cases in {args.out}")
    return 0


def _series(args: argparse.Namespace) -> int:
    from hub_medical.errors import DicomError
    from hub_medical.io.dicom import read_series
    from hub_medical.io.dicom_scan import scan_dicom, series_name

    wrong = 0
    scan = scan_dicom(args.root)
    for uid, headers in scan.series.items():
        try:
            volume = read_series(scan.images(uid), gaps=args.gaps == "allow").volume
            spacing = " × ".join(f"{s:.3g}" for s in volume.spacing)
            described = f"a volume of {' × '.join(map(str, volume.grid.shape))} voxels of {spacing} mm"
        except DicomError as error:
            described, wrong = str(error), wrong + 1
        print(f"{series_name(headers)}  {uid}  {len(headers)} images: {described}")
    for problem in scan.errors.values():
        print(f"unreadable: {problem}")
        wrong += 1
    return 1 if wrong else 0


def _leaks(args: argparse.Namespace) -> int:
    from hub.engine import open_sources
    from hub.engine.config import load_config, resolve_config
    from hub_medical.leakage import find_leaks, middle_planes
    from hub_medical.splits import check_split
    from hub_medical.studies.study_data import StudyImages

    config = load_config(resolve_config(args.config), args.overrides)
    sides = {
        where: [source.dataset for source in open_sources(declared, root=config.data.root, where=f"data.{where}")]
        for where, declared in (("train", config.data.train), ("val", config.data.val))
    }
    check_split({f"data.{w}": [p for d in sides[w] if isinstance(d, StudyImages) for p in d.patients] for w in sides})
    ids = {where: [image for data in datasets for image in data.ids] for where, datasets in sides.items()}
    planes = {where: middle_planes(datasets, config.model.in_chans) for where, datasets in sides.items()}
    found = find_leaks(planes["train"], planes["val"], threshold=args.threshold)
    for leak in found:
        how = "the same as" if leak.kind == "duplicate" else f"alike ({leak.similarity:.2f}) to"
        print(f"{ids['val'][leak.val]} is {how} {ids['train'][leak.train]}")
    print(f"{len(found)} of {len(ids['val'])} images of data.val are in data.train's {len(ids['train'])}, too")
    return 1 if found else 0

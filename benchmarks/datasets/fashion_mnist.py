"""FashionMNIST, in the format of MNIST."""

from types import MappingProxyType

from benchmarks.datasets.mnist import IDXDataset
from benchmarks.datasets.sources.fashion_mnist_debian import FetchedPackage, InstalledPackage
from benchmarks.datasets.sources.torchvision_download import TorchvisionDownload


class FashionMNIST(IDXDataset):
    """70,000 pictures of clothing of 28 x 28 pixels."""

    name = "fashion_mnist"
    title = "FashionMNIST"
    torchvision_name = "FashionMNIST"
    sources = (InstalledPackage(), TorchvisionDownload("FashionMNIST"), FetchedPackage())
    md5 = MappingProxyType(
        {
            "train-images-idx3-ubyte": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
            "train-labels-idx1-ubyte": "9018921c3c673c538a1fc5bad174d6f9",
            "t10k-images-idx3-ubyte": "8181f5470baa50b63fa0f6fddb340f0a",
            "t10k-labels-idx1-ubyte": "15d484375f8d13e6eb1aabb0c3f46965",
        }
    )

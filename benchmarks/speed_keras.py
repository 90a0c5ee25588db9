"""The peer: the paper's architecture in Keras with random weights, run by ``predict``.

Started by ``speed.py`` with a Python that has TensorFlow. For each line of standard input, the side of a square image,
it writes the seconds of one call; the first call for a shape, which compiles, is not counted.
"""

import sys
import time

import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers


@keras.utils.register_keras_serializable()
class Reflect(layers.Layer):
    """Padding by reflection."""

    def call(self, images):
        """Add a pixel on each side."""
        return tf.pad(images, [[0, 0], [1, 1], [1, 1], [0, 0]], mode="REFLECT")


def build(channels=64, blocks=5):
    """Section 2.3 and Fig. 3 of Diaz Baso & Asensio Ramos (2018)."""

    def convolution(images):
        return layers.Conv2D(channels, 3)(Reflect()(images))

    image = keras.Input((None, None, 1))
    features = first = layers.ReLU()(convolution(image))
    for _ in range(blocks):
        inner = layers.ReLU()(layers.BatchNormalization()(convolution(features)))
        features = layers.Add()([features, layers.BatchNormalization()(convolution(inner))])
    features = layers.Add()([first, layers.BatchNormalization()(convolution(features))])
    wide = layers.ReLU()(convolution(layers.UpSampling2D()(features)))
    return keras.Model(image, layers.Conv2D(1, 1)(wide))


def main():
    """Answer until the input ends."""
    network, known = build(), set()
    for line in sys.stdin:
        side = int(line)
        image = np.random.default_rng(0).normal(1, 0.05, (1, side, side, 1)).astype(np.float32)
        if side not in known:
            network.predict(image, verbose=0)
            known.add(side)
        start = time.perf_counter()
        network.predict(image, verbose=0)
        print(f"seconds {time.perf_counter() - start}", flush=True)


if __name__ == "__main__":
    main()

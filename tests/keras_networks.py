"""The paper's network in real Keras, of either age: needs TensorFlow, with ``tf_keras`` or ``keras``."""

import numpy as np


def keras_network(keras, channels=64, blocks=5, *, seed=0, rename=None):
    """Return the network as the authors build it ("keepsize"), with random weights, for images of any size.

    The statistics of the batch normalisation are random too, and the gain keeps the image's order of magnitude.
    """
    import tensorflow as tf

    layers = keras.layers

    class ReflectionPadding2D(layers.Layer):
        def call(self, images):
            return tf.pad(images, [[0, 0], [1, 1], [1, 1], [0, 0]], "REFLECT")

        def compute_output_shape(self, shape):
            return (shape[0], None, None, shape[3])

    def convolution(features, outputs=channels):
        return layers.Conv2D(outputs, (3, 3), padding="valid")(ReflectionPadding2D()(features))

    def normalised(features):
        return layers.BatchNormalization()(convolution(features))

    image = layers.Input(shape=(None, None, 1))
    features = first = layers.Activation("relu")(convolution(layers.GaussianNoise(1e-3)(image)))
    for _ in range(blocks):
        inner = layers.Activation("relu")(normalised(features))
        features = layers.add([normalised(inner), features])
    features = layers.add([normalised(features), first])
    fine = layers.Activation("relu")(convolution(layers.UpSampling2D()(features)))
    network = keras.models.Model(inputs=image, outputs=layers.Conv2D(1, (1, 1), padding="same")(fine))
    rng = np.random.default_rng(seed)
    for layer in network.layers:
        weights = layer.get_weights()
        if len(weights) == 2:
            kernel, bias = weights
            deviation = np.sqrt(1 / np.prod(kernel.shape[:3]))
            layer.set_weights([rng.normal(0, deviation, kernel.shape), rng.normal(0, 0.1, bias.shape)])
        elif weights:
            (size,) = weights[0].shape
            gamma, beta, mean = rng.normal(1, 0.3, size), rng.normal(0, 0.1, size), rng.normal(0, 0.3, size)
            layer.set_weights([gamma, beta, mean, rng.uniform(0.3, 3, size)])
    return network

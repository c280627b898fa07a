"""Cases drawn by Hypothesis, each trained by gantape and by Keras' own `fit`, or by a loop written by hand, and compared."""

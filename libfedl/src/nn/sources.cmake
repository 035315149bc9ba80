list(APPEND FEDL_CORE_SOURCES
  nn/container.c nn/evaluate.c nn/forward.c nn/kernels_ref.c nn/layer.c nn/layer_dense.c
  nn/layer_relu.c nn/loss.c nn/loss_mse.c nn/loss_softmax.c nn/model.c nn/model_spec.c
  nn/normalise.c nn/randomise.c nn/requant.c nn/sgd.c nn/trainer.c)

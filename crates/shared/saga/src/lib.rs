//! Durable sagas: named steps, compensation, a journal that survives kill -9.

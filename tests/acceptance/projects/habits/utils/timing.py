import time
from functools import wraps


def with_timing(label):
    def decorate(function):
        @wraps(function)
        async def wrapper(*args, **kwargs):
            started = time.time()
            try:
                return await function(*args, **kwargs)
            finally:
                print(f"{label} took {time.time() - started:.3f} s")

        return wrapper

    return decorate

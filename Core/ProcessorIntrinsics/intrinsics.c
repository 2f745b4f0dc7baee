#include "processor_intrinsics.h"

#include "linux_headers.h"

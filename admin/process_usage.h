// What this process needs of the machine. Any thread.
#pragma once

namespace backoffd::admin {

double resident_bytes();
double cpu_seconds();  // used so far, all threads

}  // namespace backoffd::admin

// What this process needs of the machine. Any thread.
#pragma once

namespace backoffd::admin {

double resident_bytes();
double virtual_bytes();
double cpu_seconds();            // used so far, all threads
double cpu_seconds_of_others();  // ... but the calling one
double open_descriptors();
double most_descriptors();
double start_seconds();  // since 1970

}  // namespace backoffd::admin

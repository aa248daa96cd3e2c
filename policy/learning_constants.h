// Every figure of the learning rules, with its meaning. They were tuned together on simulated providers (make
// bench-learning; what else was tried is told in tests/bench/learning/FINDINGS.md); most may move by a third without
// much effect: the rules matter, the figures hardly do. Times are seconds, paces and rates requests per second.
#pragma once

namespace backoffd::policy::learning {

// --- pace (learner) ---
inline constexpr double kFloor =
    1.0 / 60;                           // never slower than one a minute: some providers allow less than one a second
inline constexpr double kRunAt = 0.98;  // the share of a measured limit that is used
inline constexpr double kRampSeconds = 3;    // of slow start: the pace doubles every second
inline constexpr double kCatchUp = 0.1;      // that sending may fall behind and catch up ...
inline constexpr double kCatchUpCapped = 2;  // ... where a number at once is the limit: freed slots are filled together
inline constexpr double kSafeSeconds = 60;   // a pace held that long is one to fall back to
inline constexpr double kForgetSeconds = 600;   // without a refusal at full pace: nothing is suspected any more
inline constexpr double kFirstTrialAfter = 10;  // where max_rate leaves room above the configured limit
inline constexpr double kSlack = 1e-6;          // what a double loses against nanoseconds

// --- limit events (learner, strikes) ---
inline constexpr double kFirstHold = 0.25;
inline constexpr double kDoubledUpTo = 4;   // a hold doubles with each failed test up to here ...
inline constexpr double kHoldGrowth = 0.5;  // ... and then is this share of the time that the event has lasted
inline constexpr double kLongestHold = 240;
inline constexpr double kLongSeconds = 6;      // a block of that long ...
inline constexpr double kLongRequests = 4;     // ... and of that many requests is a ban or a used-up window
inline constexpr double kStrikeSeconds = 30;   // a strike is forgiven after that long ...
inline constexpr int kStrikeAccepted = 100;    // ... and that many accepted requests
inline constexpr int kIsolated = 2;            // so many refusals by themselves change nothing
inline constexpr double kCutFloor = 0.5;       // one event never cuts below this share ...
inline constexpr double kCutLeast = 0.97;      // ... nor above this one
inline constexpr double kCutUnmeasured = 0.7;  // the share left where no measurement tells better
inline constexpr double kLadderMost = 80;      // points of reduction that the ladder takes at most

// --- bans ---
inline constexpr double kBanRemembered = 3;  // a silent block of that many seconds is not poked early the next time

// --- what is allowed between bans (allowance) ---
inline constexpr double kCandidateStep = 0.979;     // one candidate for the limit to the next lower one
inline constexpr double kFullBucket = 0.05;         // requests: a bucket that lacked less was full
inline constexpr double kContradiction = 2;         // requests that refused and accepted may disagree by ...
inline constexpr double kContradictionShare = 0.1;  // ... and of the bucket

// --- what is accepted (measure) ---
inline constexpr double kEventsAge = 120;          // older empty buckets tell of another limit
inline constexpr double kMeasureRequests = 30;     // without two of them: the time of that many requests, ...
inline constexpr double kMeasureLeastSeconds = 5;  // ... at least
inline constexpr double kMeasureMostSeconds = 120;

// --- trials (prober) ---
inline constexpr double kLeastStep = 0.05;    // of the pace
inline constexpr double kLargestFirst = 0.3;  // the first step where the limit is known to move
inline constexpr double kLargestStep = 1.0;
inline constexpr double kStepGrowth = 1.5;    // of the first step with each rise that went on
inline constexpr double kStepDecay = 0.97;    // ... and with each trial that failed
inline constexpr double kExcess = 1.5;        // seconds' worth of extra requests before a trial counts
inline constexpr double kExcessBanned = 3.0;  // ... of a provider that bans
inline constexpr double kBanMemory = 3600;
inline constexpr double kRefusedMemory = 600;  // limits move: a refused pace is worth another try after this
inline constexpr double kExercised = 0.8;      // a trial that sent less than this share of its pace shows nothing
inline constexpr double kRestSeconds = 5;      // shortest rest after a cut or a failed trial ...
inline constexpr double kRestRequests = 20;    // ... and in requests
inline constexpr int kRestDoublings = 3;
inline constexpr double kRestMost = 900;
inline constexpr double kRefusalShare = 0.01;      // refusals that trials may cause, of all requests ...
inline constexpr double kRefusalShareLong = 0.02;  // ... where a failed trial costs more than a second anyway
inline constexpr double kRestLong = 60;            // rest after such a one, while the credit lasts
inline constexpr double kCredit = 120;             // seconds that failed trials may cost in all, at first ...
inline constexpr double kCreditMost = 180;
inline constexpr double kCreditShare = 0.02;  // ... and of the time since

// --- shared pools ---
inline constexpr int kFutileCuts = 5;          // cuts in a row after which refusals came as often as before
inline constexpr int kFutileAccepted = 10;     // ... a cut is futile if no more than that was accepted until the next
inline constexpr int kHelpedAccepted = 25;     // ... and has helped if more than that was
inline constexpr double kFutileBoost = 1.3;    // start at so many times what was accepted meanwhile
inline constexpr double kDeepCut = 0.9;        // a cut below this share makes the share of refusals so far old news
inline constexpr int kIntervalAnswers = 20;    // an interval has that many answers ...
inline constexpr double kIntervalSeconds = 5;  // ... and lasts that long, at least
inline constexpr double kEnterShare = 0.12;    // refused, two intervals running: also taken for a shared pool
inline constexpr double kLeaveShare = 0.04;
inline constexpr double kMostShare = 0.35;  // no higher pace while more than this is refused
inline constexpr double kPoolUp = 1.15;
inline constexpr double kPoolDown = 0.9;
inline constexpr double kWorthIt = 0.5;     // slope of accepted over pace, of their ratio
inline constexpr int kCheckEvery = 3;       // intervals: is it a limit after all?
inline constexpr double kCheckPace = 0.75;  // ... at this share of the pace it would not refuse

// --- requests at once (concurrency) ---
inline constexpr int kFinderHalfLife = 1000;  // accepted answers until what was counted weighs half
inline constexpr int kFinderRefused = 3;      // answers that are needed before anything is told ...
inline constexpr int kFinderAccepted = 40;
inline constexpr double kCapRaiseFirst = 20;  // until one more than was found is tried
inline constexpr double kCapRaise = 10;       // ... and one more after it
inline constexpr double kCapRaiseLatencies = 20;
inline constexpr int kCapDoublings = 6;
inline constexpr int kCapDoubted = 4;  // refusals at or below the cap until it is lowered, or given up

// --- announced quotas (quota) ---
inline constexpr double kReserve = 0.1;        // the share of a quota that is spread evenly
inline constexpr double kResetMargin = 0.02;   // after the reset, for a server whose clock is coarse
inline constexpr double kLeastWindow = 2;      // a shorter window is not worth spreading
inline constexpr double kCoarseReset = 3;      // a reset this near is told too coarsely, in whole seconds, to wait for
inline constexpr double kQuotaTestEvery = 60;  // where none should be left one request asks, this often at most

// --- announced rates (announced_rate) ---
inline constexpr double kAnnouncedWindows =
    4;                                         // that answers may not name a rate until it is forgotten; in seconds ...
inline constexpr double kAnnouncedLeast = 60;  // ... at least
inline constexpr double kAnnouncedMost = 3600;  // ... and at most

}  // namespace backoffd::policy::learning

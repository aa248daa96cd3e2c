#include "policy/comparison.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

namespace backoffd::policy {
namespace {

constexpr std::string_view kShareTest = "beta-binomial mixture martingale (Lindon, Malek 2022)";
constexpr std::string_view kWalkTest = "normal-mixture confidence sequence on log latency (Ham et al. 2022)";
constexpr std::string_view kUnitTest = "normal-mixture confidence sequence on unit means (Ham et al. 2022)";
constexpr std::string_view kLookTest =
    "exponential bound on unit means (Delyon 2009), alpha spent over looks (Lan, DeMets 1983)";
constexpr std::string_view kQuantileTest = "confidence sequences for quantiles (Howard, Ramdas 2022)";
constexpr std::string_view kNoTest = "none: exchanges of one unit are too much alike for it";

// Sums of variances at which a difference at the default thresholds can usually be told: single latencies within a
// factor of 3 of their key's, means of units within 10 % or 0.05.
constexpr double kLatencyScale = 1000;
constexpr double kUnitLatencyScale = 1;
constexpr double kUnitShareScale = 0.25;

// The arms' shares are doubted where chance would have it this rarely: it is a fault, not a finding.
constexpr double kShareAlpha = 0.001;

// Of the alpha of a share's interval: for the rate that both arms have together, the rest for the ratio between them.
constexpr double kPooledPart = 0.1;

constexpr double kTail = 0.95;

std::string percent(double fraction) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f %%", 100 * fraction);
  return text;
}

std::string points(double fraction) {
  char text[32];
  std::snprintf(text, sizeof text, "%+.2f", 100 * fraction);
  return text;
}

std::string duration(double seconds) {
  char text[32];
  std::snprintf(text, sizeof text, seconds < 1 ? "%.0f ms" : "%.2f s", seconds < 1 ? seconds * 1e3 : seconds);
  return text;
}

std::string bounds(const Interval& interval) {
  if (std::isinf(interval.high))
    return interval.low <= -1 ? " (no bounds yet)" : " (" + points(interval.low) + " or more)";
  return " (" + points(interval.low) + " to " + points(interval.high) + ")";
}

std::string describe_share(std::string_view what, const Effect& e) {
  return std::string(what) + ": " + percent(e.treatment) + " in treatment, " + percent(e.control) +
         " in control; difference " + points(e.difference) + " points" + bounds(e.interval);
}

std::string describe_latency(std::string_view what, const Effect& e) {
  const std::string both = std::string(what) + ": " + duration(e.treatment) + " in treatment, " + duration(e.control) +
                           " in control; difference " + points(e.difference) + " %";
  return e.test == kNoTest ? both : both + bounds(e.interval);
}

std::string describe_look(const UnitLook& look) {
  if (look.number == 0) {
    return "not looked at yet: " + std::to_string(look.units) + " units, of " + std::to_string(look.least) +
           " for a first look";
  }
  return "look " + std::to_string(look.number) + ", at " + std::to_string(look.exchanges) +
         " exchanges; the next one at " + std::to_string(look.next);
}

// From a ratio of rates to a difference of shares, given the share of all exchanges.
double difference_of(double ratio, double pooled, double share) {
  if (std::isinf(ratio)) return std::min(1.0, pooled / share);
  const double control = pooled / (share * ratio + 1.0 - share);
  return std::min(1.0, ratio * control) - std::min(1.0, control);
}

Effect share_effect(std::string_view figure, std::uint64_t ArmCounts::*events, const Evidence& evidence, double alpha) {
  const ArmCounts& c = evidence.counts[0];
  const ArmCounts& t = evidence.counts[1];
  const auto rate = [&](const ArmCounts& arm) {
    return arm.exchanges == 0 ? 0 : static_cast<double>(arm.*events) / static_cast<double>(arm.exchanges);
  };
  // The ratio's interval is scaled by what the arms' common rate can be: while events are rare, how rare they are is as
  // uncertain as how they fell. An end beyond zero is the further from it the higher that rate is. On which side of
  // zero the ends are does not depend on it.
  const Interval pooled = event_rate_interval(t.*events + c.*events, t.exchanges + c.exchanges, kPooledPart * alpha);
  const Interval ratio = rate_ratio_interval(t.*events, c.*events, evidence.share, (1 - kPooledPart) * alpha);
  Effect effect{figure, kShareTest, rate(c), rate(t), rate(t) - rate(c), {}};
  effect.interval = {difference_of(ratio.low, ratio.low < 1 ? pooled.high : pooled.low, evidence.share),
                     difference_of(ratio.high, ratio.high > 1 ? pooled.high : pooled.low, evidence.share)};
  return effect;
}

const UnitFigures& units_of(const Evidence& evidence) {
  return evidence.unit == GateUnit::slice ? evidence.slices : evidence.standing.figures;
}

Effect unit_effect(std::string_view figure, Figure of, const Evidence& evidence, double alpha) {
  const UnitFigures& units = units_of(evidence);
  const ScoreWalk& walk = units.walks[static_cast<std::size_t>(of)];
  const double scale = of == Figure::log_latency ? kUnitLatencyScale : kUnitShareScale;
  const bool slices = evidence.unit == GateUnit::slice;
  return {
      figure,
      slices ? kUnitTest : kLookTest,
      units.mean(Side::control, of),
      units.mean(Side::treatment, of),
      walk.effect(evidence.share),
      slices ? walk.interval(evidence.share, scale, alpha) : walk.interval_of_one_look(evidence.share, scale, alpha)};
}

// A difference of shares is one at most.
Effect bounded(Effect effect) {
  for (double* one : {&effect.difference, &effect.interval.low, &effect.interval.high}) {
    *one = std::clamp(*one, -1.0, 1.0);
  }
  return effect;
}

// Key by key the treatment is better, and as a whole it is worse, or the other way round.
bool contradicts_itself(const Effect& e) { return (e.treatment - e.control) * e.difference < 0; }

// Of failures, told as success.
Effect turned(Effect effect) {
  effect.control = 1.0 - effect.control;
  effect.treatment = 1.0 - effect.treatment;
  effect.difference = -effect.difference;
  effect.interval = {-effect.interval.high, -effect.interval.low};
  return effect;
}

// Of logarithms, told as a ratio.
Effect exponentiated(Effect effect) {
  effect.control = std::exp(effect.control);
  effect.treatment = std::exp(effect.treatment);
  effect.difference = std::expm1(effect.difference);
  effect.interval = {std::expm1(effect.interval.low), std::expm1(effect.interval.high)};
  return effect;
}

Effect latency_effect(const Evidence& evidence, double alpha) {
  const auto mean = [](const ArmCounts& arm) {
    return arm.exchanges == 0 ? 0 : arm.log_latency / static_cast<double>(arm.exchanges);
  };
  return exponentiated({"latency", kWalkTest, mean(evidence.counts[0]), mean(evidence.counts[1]),
                        evidence.latency.effect(evidence.share),
                        evidence.latency.interval(evidence.share, kLatencyScale, alpha)});
}

Effect tail_effect(const Evidence& evidence, double alpha) {
  const LatencyHistogram& c = evidence.since_flip[0].latency;
  const LatencyHistogram& t = evidence.since_flip[1].latency;
  // Half of alpha for each arm; the histogram's own error is let in on both sides.
  const Interval of_c = quantile_ranks(kTail, c.count(), alpha / 2);
  const Interval of_t = quantile_ranks(kTail, t.count(), alpha / 2);
  const double error = (1 + LatencyHistogram::kRelativeError) / (1 - LatencyHistogram::kRelativeError);
  const auto ratio = [](double a, double b) { return b > 0 ? a / b - 1 : std::numeric_limits<double>::infinity(); };
  Effect effect{"latency_p95", kQuantileTest, c.quantile(kTail), t.quantile(kTail), 0, {}};
  effect.difference = ratio(effect.treatment, effect.control);
  if (evidence.unit != GateUnit::request) {
    effect.test = kNoTest;
    effect.interval = {-std::numeric_limits<double>::infinity(), std::numeric_limits<double>::infinity()};
    return effect;
  }
  effect.interval = {
      of_c.high < 1 ? ratio(t.quantile(of_t.low) / error, c.quantile(of_c.high)) : -1.0,
      of_t.high < 1 ? ratio(t.quantile(of_t.high) * error, c.quantile(of_c.low))
                    : std::numeric_limits<double>::infinity(),
  };
  return effect;
}

}  // namespace

void ArmCounts::merge(const ArmCounts& other) {
  exchanges += other.exchanges;
  failures += other.failures;
  throttled += other.throttled;
  log_latency += other.log_latency;
}

Comparison compare(const Evidence& evidence, const ExperimentConfig& config, const Resources& resources) {
  Comparison result;
  result.alpha = evidence.alpha;
  const auto say = [&](std::string sentence) { result.evidence.push_back(std::move(sentence)); };

  if (evidence.mode == GateMode::off) {
    say("the gate is off");
    return result;
  }
  if (evidence.share <= 0 || evidence.share >= 1) {
    say("at " + percent(evidence.share) + " there is " + (evidence.share <= 0 ? "no treatment" : "no control") +
        " arm to compare with");
    return result;
  }
  if (evidence.mode == GateMode::shadow) say("in shadow both arms act alike: what is compared is what chance makes");

  const bool requests = evidence.unit == GateUnit::request;
  const std::array<std::uint64_t, kSideNames.size()> compared =
      requests ? std::array{evidence.counts[0].exchanges, evidence.counts[1].exchanges} : units_of(evidence).units;
  const bool stay = evidence.unit == GateUnit::client || evidence.unit == GateUnit::key;
  if (compared[0] + compared[1] == 0) {
    say(stay ? describe_look(evidence.standing) : std::string("nothing to compare yet"));
    return result;
  }
  if (stay) say(describe_look(evidence.standing));
  const double at_this_look = evidence.alpha * (stay ? evidence.standing.part() : 1);
  const double alpha = at_this_look / 2;  // success and latency share it
  const Effect success = turned(requests ? share_effect("success_rate", &ArmCounts::failures, evidence, alpha)
                                         : bounded(unit_effect("success_rate", Figure::failures, evidence, alpha)));
  const Effect latency = requests ? latency_effect(evidence, alpha)
                                  : exponentiated(unit_effect("latency", Figure::log_latency, evidence, alpha));
  const Effect throttled = requests
                               ? share_effect("throttled_share", &ArmCounts::throttled, evidence, evidence.alpha)
                               : bounded(unit_effect("throttled_share", Figure::throttled, evidence, at_this_look));
  const Effect tail = tail_effect(evidence, evidence.alpha);
  result.effects = {success, throttled, latency, tail};
  say(describe_share("success", success));
  say(describe_share("exchanges that met a throttle answer", throttled));
  say(describe_latency("latency to the last byte, geometric mean", latency));
  say(describe_latency("latency to the last byte, 95th percentile", tail));

  const auto least = static_cast<std::uint64_t>(requests ? config.min_exchanges : config.min_units);
  if (compared[0] < least || compared[1] < least) {
    say("too few " + std::string(requests ? "exchanges" : "units") + ": " + std::to_string(compared[1]) +
        " in treatment, " + std::to_string(compared[0]) + " in control, of " + std::to_string(least) + " each");
    return result;
  }
  result.enough = true;
  const bool fails_more = success.interval.below(0);
  const bool is_slower = latency.interval.above(0);
  result.harm = fails_more || is_slower;
  result.harmless = success.interval.above(-config.success_drop) && latency.interval.below(config.latency_rise);

  if (fails_more && success.difference <= -config.success_drop && !contradicts_itself(success)) {
    say("success fell by " + percent(config.success_drop) + " or more, and surely fell: roll back");
    result.verdict = GateVerdict::rollback;
  }
  if (is_slower && latency.difference >= config.latency_rise && !contradicts_itself(latency)) {
    say("latency rose by " + percent(config.latency_rise) + " or more, and surely rose: roll back");
    result.verdict = GateVerdict::rollback;
  }
  if (result.verdict == GateVerdict::rollback) return result;

  bool hand_raised = false;
  const auto raise = [&](bool reason, const std::string& sentence) {
    hand_raised |= reason;
    if (reason) say(sentence);
  };
  raise(fails_more, contradicts_itself(success) ? "success surely fell unit by unit, and yet rose as a whole: observe"
                                                : "success surely fell, by less than the threshold: observe");
  raise(is_slower, contradicts_itself(latency) ? "latency surely rose key by key, and yet fell as a whole: observe"
                                               : "latency surely rose, by less than the threshold: observe");
  const bool throttles = std::max(throttled.control, throttled.treatment) >= config.throttled_share;
  raise(throttles && throttled.interval.above(0), "throttle answers surely became more: observe");
  raise(tail.interval.above(config.latency_rise),
        "the 95th percentile of latency rose by more than " + percent(config.latency_rise) + ": observe");
  raise(resources.memory_growth >= config.memory_growth,
        "the process has " + percent(resources.memory_growth) + " more memory than before the flip: observe");
  raise(resources.cpu_rise >= config.cpu_rise,
        "an exchange takes " + percent(resources.cpu_rise) + " more CPU time than before the flip: observe");
  raise(requests && share_evidence(compared[1], compared[0], evidence.share) > -std::log(kShareAlpha),
        "the treatment did not get its share of " + percent(evidence.share) +
            " of the exchanges: more of one arm than of the other never end: observe");
  if (hand_raised) {
    result.verdict = GateVerdict::observe;
    return result;
  }
  if (!result.harmless) {
    say("a harm at the threshold is not excluded yet");
    return result;
  }
  if (throttles && !throttled.interval.below(0)) {
    say("throttle answers are not shown to be fewer: observe");
    result.verdict = GateVerdict::observe;
    return result;
  }
  say("no harm, and none at the threshold is possible: keep");
  result.verdict = GateVerdict::keep;
  return result;
}

}  // namespace backoffd::policy

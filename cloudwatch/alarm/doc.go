// Package alarm decides alarms: whether a threshold is crossed, whether the rule of a composite alarm holds, whether its
// actions are suppressed. It is pure: points, states of other alarms and the time come in, a verdict goes out, in the words
// that AWS uses for reasons. ("Using Amazon CloudWatch alarms", "Configuring how CloudWatch alarms treat missing data",
// "Create a composite alarm", "Suppressing composite alarm actions".)
package alarm

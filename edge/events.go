package edge

import (
	"bytes"
	"context"
	"net/http"
	"reflect"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"

	"drey/wire"
	"drey/wire/awsjson"
	"drey/wire/shape"
)

// lastEvent is how long a caller may take over an event that ends its stream.
const lastEvent = 5 * time.Second

// eventStream gives the event stream of an output, or nil.
func eventStream(out any) wire.EventStream {
	sv := reflect.ValueOf(out).Elem()
	for _, f := range shape.Of(out).Fields {
		if f.Type.Kind == shape.EventStream && !sv.Field(f.Index).IsNil() {
			return sv.Field(f.Index).Interface().(wire.EventStream)
		}
	}
	return nil
}

// sendEvents writes the answer as an event stream. The first event is initial-response, which boto3 insists on.
func (c *call) sendEvents(stream wire.EventStream, out any) {
	c.w.Header().Set("Content-Type", "application/vnd.amazon.eventstream")
	c.w.Header().Set("x-amzn-RequestId", c.req.ID)
	e := &eventWriter{w: c.w.ResponseWriter, control: c.w.control, enc: eventstream.NewEncoder()}
	e.mustBeTaken()
	if err := e.write("event", ":event-type", "initial-response", awsjson.Encode(out)); err != nil {
		return // the caller is gone
	}
	_ = e.control.SetWriteDeadline(time.Time{}) // a connection that is gone fails the write
	err := stream(c.r.Context(), e.send)
	e.cuts.Wait()
	e.mustBeTaken() // the end of the body as well, which the HTTP server writes
	if err == nil || e.gone || c.r.Context().Err() != nil {
		return
	}
	problem, internal := wire.AsError(err)
	if internal {
		c.Log.Error("event stream failed", "id", c.req.ID, "operation", c.req.Op, "error", err)
	}
	_ = e.write("exception", ":exception-type", problem.Code, jsonError(problem)) // the caller is gone if this fails
}

type eventWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
	enc     *eventstream.Encoder
	buf     bytes.Buffer
	gone    bool           // the caller takes nothing more
	cuts    sync.WaitGroup // functions that may still set a deadline
}

// mustBeTaken gives the caller until soon to take what is on its way.
func (e *eventWriter) mustBeTaken() {
	_ = e.control.SetWriteDeadline(time.Now().Add(lastEvent)) // a connection that is gone fails the write
}

// send writes one event: the member of the union that is set. An event that is under way when ctx ends gets a last moment.
func (e *eventWriter) send(ctx context.Context, event any) error {
	e.cuts.Add(1)
	stop := context.AfterFunc(ctx, func() {
		defer e.cuts.Done()
		e.mustBeTaken()
	})
	defer func() {
		if stop() {
			e.cuts.Done()
		}
	}()
	sv := reflect.ValueOf(event).Elem()
	for _, f := range shape.Of(event).Fields {
		if v := sv.Field(f.Index); !v.IsNil() {
			return e.write("event", ":event-type", f.Member, awsjson.Encode(v.Interface()))
		}
	}
	return nil
}

func (e *eventWriter) write(kind, typeHeader, name string, payload []byte) error {
	m := eventstream.Message{Payload: payload}
	m.Headers.Set(":message-type", eventstream.StringValue(kind))
	m.Headers.Set(typeHeader, eventstream.StringValue(name))
	m.Headers.Set(":content-type", eventstream.StringValue("application/json"))
	e.buf.Reset()
	if err := e.enc.Encode(&e.buf, m); err != nil {
		return err
	}
	_, err := e.w.Write(e.buf.Bytes())
	if err == nil {
		err = e.control.Flush()
	}
	e.gone = err != nil
	return err
}

package logs

import (
	"bytes"
	"testing"
)

func TestSameBytesEveryTime(t *testing.T) {
	for _, k := range Kinds() {
		t.Run(k.Name, func(t *testing.T) {
			const size = 100_000
			var a, b bytes.Buffer
			if err := k.Write(&a, size); err != nil {
				t.Fatal(err)
			}
			if err := k.Write(&b, size); err != nil {
				t.Fatal(err)
			}
			if a.Len() < size || !bytes.Equal(a.Bytes(), b.Bytes()) {
				t.Errorf("%d and %d bytes, wanted the same and at least %d", a.Len(), b.Len(), size)
			}
		})
	}
}

func TestByNameNamesWhatThereIs(t *testing.T) {
	if _, err := ByName("none"); err == nil || !bytes.Contains([]byte(err.Error()), []byte(Mix.Name)) {
		t.Errorf("the error is %v", err)
	}
}
